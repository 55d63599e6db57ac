"""What differs in words between starts from cold and scale-out under load; all else is the same."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartWords:
    """How one kind of start is spoken of; headings may hold a line break."""

    kind: str
    """What these are, as a heading."""
    start: str
    """One of them."""
    since: str
    """The instant that seconds count from."""
    proven: str
    """What each run had to show first."""
    between: str
    """Which two instants one is known to lie between."""
    stages: str
    """How to read the table of each start."""
    unended: str
    """What one is called that had not ended with its run."""
    unended_heading: str
    last_not_heading: str
    first_yes_heading: str
    before_heading: str
    """For how long the lane was seen so before."""


COLD = StartWords(
    kind="starts from cold",
    start="start",
    since="the first refusal",
    proven="Each found its lanes cold.",
    between="its last refusal and first answer",
    stages=(
        "A start in its stages, in seconds since the first refusal: when the gateway first told of the "
        "worker, and of its model as loaded (it is asked once a second), and when the first answer came."
    ),
    unended="still cold",
    unended_heading="still\ncold",
    last_not_heading="last refusal\ns",
    first_yes_heading="first answer\ns",
    before_heading="seen cold\nbefore, s",
)


def start_words(from_workers: int) -> StartWords:
    """For starts of lanes that had so many workers; 0 is from cold."""
    if not from_workers:
        return COLD
    workers = f"{from_workers} worker{'' if from_workers == 1 else 's'}"
    return StartWords(
        kind=f"scale-out under load, from {workers}",
        start=f"scale-out from {workers}",
        since="the load's first request",
        proven=f"Each found its lanes with {workers} that had the model, and no more.",
        between="two looks at the gateway's /health: a further worker had the model by the second",
        stages=(
            "A scale-out in its stages, in seconds since the load's first request: when the gateway first "
            "told of the further worker, and of its model as loaded. It is asked once a second."
        ),
        unended="none came",
        unended_heading="none\ncame",
        last_not_heading="not loaded\nat s",
        first_yes_heading="model loaded\nby s",
        before_heading="seen so\nbefore, s",
    )
