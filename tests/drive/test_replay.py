"""The drive against the simulated gateway over real sockets, when all goes well."""

from pathlib import Path

import pyarrow.parquet as pq

from bench.sim.truth import read_truth
from tests.conftest import Sim
from tests.drive.runs import FLEET, FOUR_KINDS, SCENARIO, drive, prepared


def test_every_operation_ends_well_and_its_record_holds_what_the_server_said(
    sim: Sim, tmp_path: Path
) -> None:
    """Chat and generate, streamed and not, encode and score: tokens, items and instants are on the record."""
    frame = drive(prepared(tmp_path, sim(*FLEET), FOUR_KINDS))
    assert set(frame["outcome"]) == {"ok"}
    of = {str(name): rows for name, rows in frame.groupby("traffic_class", observed=True)}
    assert set(of["chat"]["out_tokens"]) == {12}
    assert set(of["whole"]["out_tokens"]) == {9}
    assert set(of["encode"]["items_returned"]) == {3}
    assert set(of["score"]["items_returned"]) == {4}
    for name, rows in of.items():
        assert rows["first_token_ns"].notna().all() == (name in {"chat", "generate"})
    assert ((of["generate"]["asked_in_tokens"] - of["generate"]["in_tokens"]).abs() <= 2).all()


def test_instants_of_a_record_are_in_their_natural_order(sim: Sim, tmp_path: Path) -> None:
    """Scheduled, handed, headers, first token, last token, end: none before the one it follows."""
    folder = prepared(tmp_path, sim(*FLEET))
    frame = drive(folder)
    names = ["scheduled_ns", "handed_ns", "headers_ns", "first_token_ns", "last_token_ns", "end_ns"]
    assert (frame[names].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    events = pq.read_table(folder.events_file).to_pandas()
    assert len(events) == len(frame)
    first = events["event_ns"].map(lambda instants: instants[0])
    assert (first.to_numpy() == frame["first_token_ns"].to_numpy()).all()


def test_the_gateway_saw_each_request_of_the_books_once_under_its_own_index(sim: Sim, tmp_path: Path) -> None:
    """The trace context of each request names run and index, so the truth log joins with the records."""
    truth = tmp_path / "truth.msgpack"
    frame = drive(prepared(tmp_path, sim(*FLEET, "--truth", str(truth))))
    _, entries = read_truth(truth)
    arrived = [entry.span or 0 for entry in entries if (entry.kind, entry.attempt) == ("arrived", 1)]
    assert sorted(arrived) == frame["index"].tolist()


def test_users_of_a_closed_loop_wait_for_their_reply(sim: Sim, tmp_path: Path) -> None:
    """Three users never have more than three requests in flight, and none has two at once."""
    loop = SCENARIO.replace(
        "arrivals: {process: constant, rate_per_s: 10}", "closed_loop: {users: 3, think_time_s: 0.05}"
    )
    frame = drive(prepared(tmp_path, sim(*FLEET), loop))
    assert len(frame) > 20
    assert set(frame["user"]) == {0, 1, 2}
    for _, mine in frame.groupby("user"):
        assert (mine["scheduled_ns"].to_numpy()[1:] >= mine["end_ns"].to_numpy()[:-1]).all()


def test_connections_are_open_before_the_first_request_and_kept(sim: Sim, tmp_path: Path) -> None:
    """One a user, and every request goes out on one that was there; the run tells of itself."""
    loop = SCENARIO.replace(
        "arrivals: {process: constant, rate_per_s: 10}", "closed_loop: {users: 3, think_time_s: 0.05}"
    )
    folder = prepared(tmp_path, sim(*FLEET), loop, "duration_s=2")
    frame = drive(folder)
    told = folder.info().generator
    assert (told["connections"], told["connections_reused"]) == (3, len(frame))
    assert set(frame["stamp_source"]) == {"kernel"}
    assert 0 < told["engine_cpu_s"] < told["process_cpu_s"] + 0.02
    assert told["loop_beats"] >= 20
    assert 0 <= told["others_share"] <= 1


def test_an_openai_target_gets_no_headers_of_the_gateway_and_its_lack_of_done_is_no_fault(
    sim: Sim, tmp_path: Path
) -> None:
    """A chat scenario of kind openai runs against a server that is only OpenAI-compatible."""
    plain = SCENARIO.replace("profiles: [a100-40gb], ", "")
    frame = drive(prepared(tmp_path, sim(*FLEET), plain, "target.kind=openai"))
    assert set(frame["outcome"]) == {"ok"}
    assert set(frame["out_tokens"]) == {12}


def test_a_key_is_sent_and_stands_nowhere_in_the_folder(sim: Sim, tmp_path: Path) -> None:
    """The scenario names a variable; its value is in no file that the run leaves."""
    secret = "s3cret-of-the-gateway"  # noqa: S105 - made up
    folder = prepared(tmp_path, sim(*FLEET), SCENARIO, "target.api_key_env=BENCH_TEST_KEY")
    drive(folder, BENCH_TEST_KEY=secret)
    for file in folder.path.rglob("*"):
        assert file.is_dir() or secret.encode() not in file.read_bytes()
