"""Two credentials, each for its own calls, and neither anywhere that a run leaves something."""

import base64
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from tests.commands.cli import BENCH, bench
from tests.conftest import Sim
from tests.drive.runs import FLEET, SCENARIO, Drive, counts, drive, prepared

TRAFFIC = "traffic-key-9Q2f/x+1"
ADMIN = "admin-key-7Zk3=w"
KEYS = {"BENCH_TEST_KEY": TRAFFIC, "BENCH_TEST_ADMIN_KEY": ADMIN}
NAMED = ("target.api_key_env=BENCH_TEST_KEY", "target.admin_key_env=BENCH_TEST_ADMIN_KEY")
MADE = ("pools=[{name: lab, gpus: {a100-40gb: 1}, wait_s: 20}]", "classes.chat.pool=lab")


@pytest.fixture
def guarded(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> str:
    """A gateway that asks for both."""
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    tokens = ("--token-env", "BENCH_TEST_KEY", "--admin-token-env", "BENCH_TEST_ADMIN_KEY")
    return sim(*FLEET, "--dialect", "0.10", "--auth", "static", *tokens)


def spellings(key: str) -> list[bytes]:
    """A key as it is, and as it would look inside a URL, in JSON, or in base64."""
    texts = (key, quote(key, safe=""), json.dumps(key)[1:-1])
    return [*(text.encode() for text in texts), base64.b64encode(key.encode())]


def content(file: Path) -> bytes:
    """The bytes of a file; of one that is compressed, all its values too."""
    packed = file.suffix == ".parquet"
    return file.read_bytes() + (json.dumps(pq.read_table(file).to_pylist()).encode() if packed else b"")


def assert_no_key(folder: Path, *screens: bytes) -> None:
    """Neither key is on these screens, nor in any file below the folder."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    for data in (*screens, *map(content, files)):
        for key in KEYS.values():
            assert not any(spelling in data for spelling in spellings(key))


def test_pools_and_traffic_have_credentials_of_their_own(guarded: str, tmp_path: Path) -> None:
    """The gateway takes neither for the other, and every request of the run is served."""
    frame = drive(prepared(tmp_path, guarded, SCENARIO, *NAMED, *MADE, "duration_s=2"))
    assert counts(frame) == {"ok": 20}


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (
            (),
            "wants credentials (401 on GET /health): name the variable that holds the key in",
        ),
        (NAMED[:1], "name its variable in target.admin_key_env"),
    ],
)
def test_a_missing_credential_is_named(
    named: tuple[str, ...], sentence: str, guarded: str, tmp_path: Path
) -> None:
    """One sentence that says which variable to name where."""
    code, _, err = Drive(prepared(tmp_path, guarded, SCENARIO, *named, *MADE)).end()
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err


def test_a_run_leaves_no_credential_anywhere(guarded: str, tmp_path: Path) -> None:
    """Not in the run folder, the report, the exports, nor on the screen, also where the run is refused."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(SCENARIO)
    sets = [word for change in (*NAMED, *MADE, "duration_s=2") for word in ("--set", change)]
    said = bench("run", scenario, "--target", guarded, *sets, "--out", "run", cwd=tmp_path)
    assert said.code == 0, said.err
    shown = bench("summary", "run", cwd=tmp_path)
    exported = bench("export", "run", cwd=tmp_path)
    refused = bench("run", scenario, "--target", guarded, *sets[:2], "--set", MADE[0], cwd=tmp_path)
    assert refused.code == 2
    screens = [text.encode() for each in (said, shown, exported, refused) for text in (each.out, each.err)]
    assert_no_key(tmp_path, *screens)


class _Parrot(http.server.BaseHTTPRequestHandler):
    """A server that says its caller's credential back, wherever a server can say something."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._say(200, {"data": [{"id": "m"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        heard = self.headers["Authorization"]
        error = {"message": f"who is {heard}?", "type": heard, "code": heard}
        answer: dict[str, Any] = {
            "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": heard}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1},
        }
        self.server.count += 1  # type: ignore[attr-defined]
        good = self.server.count % 2  # type: ignore[attr-defined]
        self._say(200 if good else 500, answer if good else {"error": error}, heard)

    def _say(self, status: int, tree: dict[str, Any], heard: str = "") -> None:
        data = json.dumps(tree).encode()
        self.send_response(status)
        for name in ("X-SIE-Error-Code", "X-SIE-Request-Id"):
            self.send_header(name, heard)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def parrot() -> Iterator[str]:
    """A parrot's URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Parrot) as server:
        server.count = 0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_server_that_repeats_the_credential_does_not_get_it_into_the_folder(tmp_path: Path) -> None:
    """Error codes, messages, finish reasons and ids are the server's words, and it may echo."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        SCENARIO.replace("profiles: [a100-40gb]", "stream: false").replace("Qwen/Qwen3-4B", "m")
    )
    with parrot() as url:
        sets = ("target.kind=openai", NAMED[0], "duration_s=2")
        words = [str(BENCH), "run", str(scenario), "--target", url, "--out", "run"]
        done = subprocess.run(
            [*words, *(word for change in sets for word in ("--set", change))],
            cwd=tmp_path,
            env=os.environ | KEYS,
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert b"***" in b"".join(file.read_bytes() for file in (tmp_path / "run").rglob("*.json"))
    assert_no_key(tmp_path / "run", done.stdout, done.stderr)
