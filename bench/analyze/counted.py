"""Where token counts come from: what nobody counted must not look as if somebody had."""

from bench.analyze.run import Run


def estimated_tokens(run: Run) -> tuple[str, ...]:
    """A sentence for each class some of whose counts are estimates."""
    guessed = run.requests[run.requests["tokens_source"] == "estimate"]
    classes = guessed["traffic_class"].astype(str).value_counts(sort=False)
    return tuple(
        f"{name}: the tokens of {count} requests are estimates from characters, which the server did not "
        "count; so is what rests on them (TPOT, time per token, tokens a second)"
        for name, count in classes.items()
        if count
    )
