"""https: verified by default, clear where it fails, and with the kernel's stamps of the ciphertext."""

from pathlib import Path

from tests.conftest import Sim
from tests.drive.certificates import certificate, terminator
from tests.drive.runs import FLEET, FOUR_KINDS, SCENARIO, Drive, counts, drive, prepared


def test_every_operation_works_over_tls_and_keeps_its_stamps(sim: Sim, tmp_path: Path) -> None:
    """With the authority named, all end well, and every instant is the kernel's."""
    cert, key = certificate(tmp_path)
    with terminator(sim(*FLEET), cert, key) as url:
        frame = drive(prepared(tmp_path, url, FOUR_KINDS, f"target.ca_file={cert}", "duration_s=2"))
    assert counts(frame) == {"ok": 30}
    assert set(frame["stamp_source"]) == {"kernel"}
    assert (frame["sent_ns"] >= frame["handed_ns"]).all()


def test_connections_that_are_opened_on_the_way_carry_their_requests(sim: Sim, tmp_path: Path) -> None:
    """More streams at once than the busiest second has arrivals: the rest greet with a request in hand."""
    cert, key = certificate(tmp_path)
    changes = (f"target.ca_file={cert}", "classes.chat.output_tokens=400")
    with terminator(sim(*FLEET), cert, key) as url:
        folder = prepared(tmp_path, url, SCENARIO, *changes)
        assert counts(drive(folder)) == {"ok": 40}
    assert folder.info().generator["connections"] > 10


def test_a_certificate_that_nobody_vouches_for_is_refused_with_what_to_do(sim: Sim, tmp_path: Path) -> None:
    """Exit 2, and a sentence that names the key to set."""
    cert, key = certificate(tmp_path)
    with terminator(sim(*FLEET), cert, key) as url:
        code, _, err = Drive(prepared(tmp_path, url)).end()
    assert code == 2
    assert "is not believed" in err
    assert "target.ca_file" in err


def test_verify_off_believes_anybody_and_says_so(sim: Sim, tmp_path: Path) -> None:
    """The run goes on, with a warning in the folder."""
    cert, key = certificate(tmp_path)
    with terminator(sim(*FLEET), cert, key) as url:
        folder = prepared(tmp_path, url, FOUR_KINDS, "target.verify=false", "duration_s=1")
        assert counts(drive(folder)) == {"ok": 15}
    assert "target.verify is off" in folder.info().warnings[0]


def test_a_file_that_holds_no_authorities_is_told(tmp_path: Path) -> None:
    """Exit 2 before anything is sent."""
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("")
    for file in (nothing, tmp_path / "missing.pem"):
        folder = prepared(tmp_path / file.stem, "https://127.0.0.1:9", FOUR_KINDS, f"target.ca_file={file}")
        code, _, err = Drive(folder).end()
        assert (code, str(file) in err) == (2, True)
