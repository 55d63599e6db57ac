"""`python -m bench.sim`: the simulated gateway as a process of its own."""

import argparse
import asyncio
import ipaddress
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from bench.sim.auth import AuthError, read_auth
from bench.sim.dialect import DIALECTS, Dialect
from bench.sim.faults import FaultPlanError, load_fault_plan
from bench.sim.gateway import Settings
from bench.sim.model import (
    MOST_PENDING,
    SHIPPED,
    STEP_JITTER,
    CatalogError,
    FleetError,
    Rules,
    Scaling,
    load_catalog,
    parse_fleet,
)
from bench.sim.null import serve_null
from bench.sim.null_options import NullOptionError, add_null_options, null_options
from bench.sim.server import Options, serve

_DEFAULT_FLEET = "l4=2,a100-40gb=1"
_USAGE_EXIT = 2
_NS = 1_000_000_000
_LIMITS = (
    ("first-chunk-timeout-s", "30", "a generation's first chunk comes within so many seconds"),
    ("inter-chunk-timeout-s", "10", "each further chunk comes within so many seconds"),
    ("overall-timeout-s", "tokens/10+30, at most 300", "a generation ends within so many seconds"),
    ("request-timeout-s", "30 in 0.4, 120 in 0.10", "encode and score end within so many seconds"),
    ("keep-alive-s", "15", "a stream silent for so many seconds gets a comment line; 0 for never"),
    ("model-load-s", "0: all loaded", "a worker loads a model for so many seconds at its first use"),
    ("heartbeat-loss-s", "15", "a lost worker is noticed after so many seconds"),
    ("spot-lifetime-s", "0: for ever", "nodes of spot profiles live so long on average"),
    ("spot-notice-s", "30", "a spot node ends so many seconds after its notice"),
    ("max-pending", "50000", "a pool with so many unanswered work items refuses more"),
)
_EXAMPLES = """\
examples:
  bench sim                                        two L4 and one A100 of each kind, any free port
  bench sim --port 8080 --fleet l4=4               a fixed port, four L4 workers in each bundle
  bench sim --fleet l4/sglang=2,l4/default=1       two for generation, one for encode and score
  bench sim --fleet l4=1,a100-40gb=0..1 --cold-start-scale 0.05
                                                   a cold A100 lane that wakes in about 12 s
  bench sim --fault-plan faults.yaml --truth truth.msgpack
  bench sim --null --truth truth.msgpack           no model: prebuilt events on a grid, to calibrate a client

when it listens it prints one line of JSON with its url and pid; SIGTERM or Ctrl-C ends it.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and exit code 2, without the usage in between."""
        self.exit(_USAGE_EXIT, f"bench sim: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog="bench sim",
        description="A simulated inference gateway with pools of simulated GPU workers, on loopback.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="loopback address to listen on (default %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes any free one (default)")
    add("--dialect", default="0.4", help="generation of the wire contract (default %(default)s)")
    add(
        "--fleet",
        default=_DEFAULT_FLEET,
        help="lanes, comma-separated: [pool:]profile[/bundle]=N or =MIN..MAX; without a bundle N workers "
        f"in each of sglang and default; profiles: {', '.join(SHIPPED.chips)} (default %(default)s)",
    )
    add(
        "--profile-file",
        type=Path,
        metavar="FILE",
        help="YAML with profiles and models of your own, or with other figures for known ones",
    )
    add(
        "--step-jitter",
        type=float,
        default=STEP_JITTER,
        help="sigma of the lognormal lengths of steps and batches; 0 for none (default %(default)s)",
    )
    add("--cold-start-scale", type=float, default=1.0, help="cold starts take this many times as long")
    add(
        "--autoscale",
        action="store_true",
        help="lanes grow and shrink between MIN and MAX by demand and by the work that waits",
    )
    add(
        "--affinity",
        action="store_true",
        help="routing keys and beginnings of prompts choose the worker, which computes equal beginnings once",
    )
    add("--retry-after-scale", type=float, default=1.0, help="Retry-After is this many times as long")
    _add_limits(parser)
    add(
        "--pool-clock-scale",
        type=float,
        default=1.0,
        help="leases, assignments and sweeps of pools take this many times as long (at least 0.001)",
    )
    add("--seed", type=int, default=1, help="seed of all chance in the simulation (default %(default)s)")
    add("--fault-plan", type=Path, metavar="FILE", help="YAML list such as [{at_s: 10, fault: kill}]")
    add("--truth", type=Path, metavar="FILE", help="write what really happened, and when, as msgpack")
    add_null_options(parser)
    add(
        "--auth",
        choices=("none", "static", "token"),
        default="none",
        help="who is asked for a token: nobody (default) or, in both other modes, everybody",
    )
    add("--token-env", default="", metavar="NAME[,NAME]", help="environment variables that hold the tokens")
    add("--admin-token-env", default="", metavar="NAME", help="the one that holds the token for pool writes")
    add(
        "--auth-exempt-operational",
        action="store_true",
        help="ask for no token on /health and WebSockets",
    )
    add(
        "--until-stdin-closes",
        action="store_true",
        help="end when stdin does: for a parent that holds a pipe open",
    )
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """How long things wait, and how much there may be of them; seconds and work items."""
    for name, contract, what in _LIMITS:
        parser.add_argument(f"--{name}", type=float, metavar="N", help=f"{what} (default {contract})")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gateway; the result is the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        if args.null:
            serve_null(null_options(args, _loopback(parser, args.host)))
        else:
            options = _options(parser, args)
            asyncio.run(serve(options, lambda port: _announce(options, port)))
    except (AuthError, CatalogError, FleetError, FaultPlanError, NullOptionError) as exc:
        parser.error(str(exc))
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        parser.error(f"cannot start: {where}{exc.strerror or exc}")
    return 0


def _options(parser: _Parser, args: argparse.Namespace) -> Options:
    catalog = load_catalog(args.profile_file, SHIPPED) if args.profile_file else SHIPPED
    lanes = parse_fleet(args.fleet, catalog)
    if not 0 <= args.port <= 65535:
        parser.error(f"--port {args.port} is not between 0 and 65535")
    for name in ("cold-start-scale", "retry-after-scale", *(name for name, *_ in _LIMITS)):
        value = getattr(args, name.replace("-", "_"))
        if value is not None and not 0 <= value < float("inf"):
            parser.error(f"--{name} {value} is not a number >= 0")
    if not 0.001 <= args.pool_clock_scale < float("inf"):
        parser.error(f"--pool-clock-scale {args.pool_clock_scale} is not a number >= 0.001")
    if not 0 <= args.step_jitter <= 1:
        parser.error(f"--step-jitter {args.step_jitter} is not a number from 0 to 1")
    dialect = _dialect(parser, args.dialect)
    settings = Settings(
        dialect=dialect,
        fleet=args.fleet,
        cold_start_scale=args.cold_start_scale,
        seed=args.seed,
        limits=replace(
            dialect.contract.limits,
            **_given(
                first_chunk_s=args.first_chunk_timeout_s,
                inter_chunk_s=args.inter_chunk_timeout_s,
                overall_s=args.overall_timeout_s,
                items_s=args.request_timeout_s,
            ),
        ),
        catalog=catalog,
        affinity=args.affinity,
        retry_after_scale=args.retry_after_scale,
        **_given(keep_alive_s=args.keep_alive_s),
        profiles=tuple(dict.fromkeys(spec.lane.profile for spec in lanes)),
    )
    return Options(
        host=_loopback(parser, args.host),
        port=args.port,
        settings=settings,
        lanes=lanes,
        rules=_rules(dialect, args),
        faults=load_fault_plan(args.fault_plan, catalog) if args.fault_plan else (),
        truth_path=args.truth,
        until_stdin_closes=args.until_stdin_closes,
        pool_clock_scale=args.pool_clock_scale,
        auth=read_auth(
            args.auth,
            args.token_env,
            args.admin_token_env,
            exempt_operational=args.auth_exempt_operational,
        ),
    )


def _rules(dialect: Dialect, args: argparse.Namespace) -> Rules:
    heartbeat_s = args.heartbeat_loss_s
    return Rules(
        exact_lanes=dialect.contract.exact_lanes,
        generation_waits=not dialect.contract.generation_tells_loading,
        step_jitter=args.step_jitter,
        scaling=Scaling(woken=dialect.contract.woken_workers) if args.autoscale else None,
        model_load_ns=round((args.model_load_s or 0) * _NS),
        **_given(
            most_pending=MOST_PENDING if args.max_pending is None else args.max_pending,
            spot_lifetime_s=args.spot_lifetime_s,
            spot_notice_s=args.spot_notice_s,
            heartbeat_loss_ns=None if heartbeat_s is None else round(heartbeat_s * _NS),
        ),
    )


def _given(**options: Any) -> dict[str, Any]:
    """The options that the command line names; the others keep their defaults."""
    return {name: value for name, value in options.items() if value is not None}


def _dialect(parser: _Parser, name: str) -> Dialect:
    if name not in DIALECTS:
        parser.error(f"--dialect {name!r} is unknown; valid: {', '.join(DIALECTS)}")
    return DIALECTS[name]


def _loopback(parser: _Parser, host: str) -> str:
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        parser.error(f"--host {host} is not a loopback address; the simulated gateway has no protection")
    return host


def _announce(options: Options, port: int) -> None:
    host = f"[{options.host}]" if ":" in options.host else options.host
    line = {
        "url": f"http://{host}:{port}",
        "pid": os.getpid(),
        "dialect": options.settings.dialect.name,
        "fleet": options.settings.fleet,
        "cold_start_scale": options.settings.cold_start_scale,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
