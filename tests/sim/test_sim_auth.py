"""Tokens: who is asked for one, on which route, and what a refusal looks like."""

import os
import subprocess
import sys

import pytest

from tests.sim.process import Running, Start

STATIC = ("--fleet", "l4=1,h100=0..1", "--auth", "static", "--token-env", "BENCH_A,BENCH_B")
SECRETS = {"BENCH_A": "alpha, beta", "BENCH_B": "gamma", "BENCH_ADMIN": "omega"}
CHAT = "/v1/chat/completions"
POOL = {"name": "p", "gpus": {"l4": 1}}


@pytest.fixture(scope="module", params=["0.4", "0.10"])
def guarded(start: Start, request: pytest.FixtureRequest) -> Running:
    """A gateway of each dialect with three tokens and one for pools."""
    return start(*STATIC, "--dialect", request.param, "--admin-token-env", "BENCH_ADMIN", **SECRETS)


def bearer(token: str) -> dict[str, str]:
    """The header of a client."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", CHAT),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/encode/none"),
        ("POST", "/v1/generate/a%2Fb"),
        ("GET", "/v1/models"),
        ("GET", "/v1/pools"),
        ("GET", "/health"),
        ("GET", "/ws/cluster-status"),
        ("POST", "/v1/pools"),
        ("GET", "/no/such/route"),
    ],
)
def test_the_token_is_asked_for_first_and_natively(guarded: Running, method: str, path: str) -> None:
    """Before model, body or even the existence of the route, and in `detail` also where OpenAI is spoken."""
    missing = guarded.http.request(method, path)
    assert (missing.status_code, missing.json()["detail"]["code"]) == (401, "UNAUTHORIZED")
    assert missing.json()["detail"]["message"] == "Missing Authorization header"
    wrong = guarded.http.request(method, path, headers=bearer("delta"))
    assert wrong.status_code == (403 if path == "/v1/pools" and method == "POST" else 401)


@pytest.mark.parametrize("value", ["Bearer alpha", "bearer beta", "gamma", "Bearer   gamma", "BEARER alpha"])
def test_any_token_with_or_without_bearer(guarded: Running, value: str) -> None:
    """Several variables, several tokens in one, any case."""
    assert guarded.http.get("/v1/models", headers={"Authorization": value}).status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer alpha beta", "alph", "omega", "Basic alpha", "é"])
def test_what_is_no_token(guarded: Running, value: str) -> None:
    """The admin token is none either."""
    headers = {b"Authorization": value.encode()}
    assert guarded.http.get("/v1/models", headers=headers).status_code == 401


def test_probes_are_open(guarded: Running) -> None:
    """A kubelet has no token."""
    assert guarded.http.get("/healthz").status_code == guarded.http.get("/readyz").status_code == 200
    assert guarded.http.get("/docs").status_code == 404


def test_pools_are_written_with_the_admin_token_alone(guarded: Running) -> None:
    """And read with the others, so that a client needs two."""
    refused = guarded.http.post("/v1/pools", json=POOL, headers=bearer("alpha"))
    assert (refused.status_code, refused.json()["detail"]["code"]) == (403, "FORBIDDEN")
    assert refused.json()["detail"]["message"] == "Admin token required"
    assert guarded.http.post("/v1/pools", json=POOL, headers=bearer("omega")).status_code == 201
    assert guarded.http.post("/v1/pools/p/renew", headers=bearer("alpha")).status_code == 403
    assert guarded.http.get("/v1/pools/p", headers=bearer("alpha")).status_code == 200
    assert guarded.http.get("/v1/pools/p", headers=bearer("omega")).status_code == 401
    assert guarded.http.delete("/v1/pools/p", headers=bearer("omega")).status_code == 200


def test_without_an_admin_token_nobody_writes_pools(start: Start) -> None:
    """Reading goes on."""
    running = start(*STATIC, **SECRETS)
    refused = running.http.post("/v1/pools", json=POOL, headers=bearer("alpha"))
    assert refused.json()["detail"]["message"] == "Admin token not configured"
    assert running.http.get("/v1/pools", headers=bearer("alpha")).status_code == 200


def test_operational_routes_can_be_exempt(start: Start) -> None:
    """Health then tells all; inference does not."""
    running = start(*STATIC, "--auth-exempt-operational", **SECRETS)
    assert running.http.get("/health").status_code == 200
    assert running.http.post(CHAT, json={}).status_code == 401


@pytest.mark.parametrize("mode", ["static", "token"])
def test_asking_without_having_any_is_the_gateways_fault(mode: str, start: Start) -> None:
    """500, except for probes."""
    running = start("--auth", mode)
    reply = running.http.get("/health")
    assert (reply.status_code, reply.json()["detail"]["code"]) == (500, "GATEWAY_AUTH_MISCONFIGURED")
    assert running.http.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--token-env", "BENCH_A"], "mean nothing without --auth static"),
        (["--auth-exempt-operational"], "mean nothing without --auth static"),
        (["--auth", "static", "--token-env", "BENCH_UNSET"], "'BENCH_UNSET' is not set or empty"),
        (["--auth", "static", "--admin-token-env", "BENCH_EMPTY"], "'BENCH_EMPTY' is not set or empty"),
        (["--auth", "maybe"], "invalid choice"),
    ],
)
def test_options_that_cannot_be(options: list[str], words: str) -> None:
    """One line, exit code 2, and no token in it."""
    command = [sys.executable, "-m", "bench.sim", *options]
    env = os.environ | SECRETS | {"BENCH_EMPTY": " ,"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert "alpha" not in done.stderr


def test_no_token_is_told(guarded: Running) -> None:
    """Neither the first line nor health nor a refusal holds one."""
    said = f"{guarded.said} {guarded.http.get('/health', headers=bearer('alpha')).text}"
    said += guarded.http.get("/health", headers=bearer("delta")).text
    assert not any(token in said for token in ("alpha", "beta", "gamma", "omega", "delta"))
