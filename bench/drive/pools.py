"""The pools of a run: made before the start, renewed while it lasts, deleted at its end."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import gevent

from bench.drive.control import Control, TargetError
from bench.protocol import LEASE_S, PoolState, pool_body, read_pool, refusal
from bench.scenario import Pool

RENEW_EVERY_S = 60.0
LOOK_EVERY_S = 0.5

Say = Callable[[str], None]


class Pools:
    """A context: inside it the pools exist and their leases are renewed; at its end, also by Ctrl-C, those
    that it made are deleted. A pool that was there before with the same specification is used and left.

    Raises TargetError where one cannot be made, differs from what is there, or gets no worker in time.
    """

    def __init__(self, control: Control, wanted: Sequence[Pool], say: Say) -> None:
        self._control, self._wanted, self._say = control, wanted, say
        self._made: list[str] = []
        self._renewals: list[gevent.Greenlet] = []
        self.states: dict[str, PoolState] = {}

    def __enter__(self) -> Self:
        try:
            for pool in self._wanted:
                self._make(pool)
            for pool in self._wanted:
                self.states[pool.name] = self._await_workers(pool)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop renewing, and delete what was made; what cannot be deleted is told: its lease will end it."""
        gevent.killall(self._renewals)
        self._renewals.clear()
        while self._made:
            name = self._made.pop()
            why = self._refusal("DELETE", _path(name), {200, 404})
            if why:
                self._say(f"pool {name} could not be deleted ({why}); its lease ends by itself")
            else:
                self._say(f"pool {name} deleted")

    def _make(self, pool: Pool) -> None:
        before, body = look(self._control, pool.name), _body(pool)
        if before is None:
            # Noted before the call: a pool whose creation was interrupted may exist.
            self._made.append(pool.name)
            answer = self._control.write("POST", "/v1/pools", body)
            if answer.status not in {200, 201}:
                self._made.remove(pool.name)
                raise TargetError(self._cannot_make(pool.name, answer.status, answer.body))
            self._say(f"pool {pool.name} made")
        elif before.is_made_by(body):
            self._say(f"pool {pool.name} was there, and is used")
        else:
            raise TargetError(
                f"pool {pool.name} is there already, and not as the scenario has it (it is {before.spec}): "
                "name another, or delete it"
            )
        self._renewals.append(gevent.spawn(self._renew, pool))

    def _cannot_make(self, name: str, status: int, body: bytes) -> str:
        why = refusal(status, body)
        hint = "; pool writes need the admin token: name its variable in target.admin_key_env"
        return f"pool {name} cannot be made: {why}{hint if status == 403 else ''}"

    def _renew(self, pool: Pool) -> None:
        every_s = min(RENEW_EVERY_S, (pool.ttl_s or LEASE_S) / 3)
        while True:
            why = self._refusal("POST", f"{_path(pool.name)}/renew", {200})
            if why:
                self._say(f"the lease of pool {pool.name} was not renewed: {why}")
            gevent.sleep(every_s)

    def _refusal(self, method: str, path: str, good: set[int]) -> str | None:
        """Why a write was not done; None where it was."""
        try:
            answer = self._control.write(method, path)
        except TargetError as error:
            return str(error)
        if answer.status in good:
            return None
        return refusal(answer.status, answer.body)

    def _await_workers(self, pool: Pool) -> PoolState:
        deadline_s = time.monotonic() + pool.wait_s
        state = look(self._control, pool.name)
        if pool.wait_s and (state is None or state.state != "active"):
            self._say(f"waiting up to {pool.wait_s:g} s for the workers of pool {pool.name}")
        while (state is None or state.state != "active") and time.monotonic() < deadline_s:
            gevent.sleep(LOOK_EVERY_S)
            state = look(self._control, pool.name)
        if pool.wait_s and (state is None or not state.workers):
            raise TargetError(
                f"pool {pool.name} has no workers {pool.wait_s:g} s after it was made: on a 0.4 gateway only "
                "workers deployed under its name join; wait longer (wait_s), or say wait_s: 0 to start cold"
            )
        return state or PoolState("pending")


def look(control: Control, name: str) -> PoolState | None:
    """A pool as the gateway shows it; None where it knows none of that name. Raises TargetError."""
    answer = control.get(_path(name))
    if answer.status == 404:
        return None
    if answer.status != 200:
        why = refusal(answer.status, answer.body)
        raise TargetError(f"pool {name} cannot be read: {why}")
    try:
        return read_pool(answer.body)
    except ValueError as error:
        raise TargetError(f"pool {name} cannot be read: {error}") from None


def _path(name: str) -> str:
    return f"/v1/pools/{quote(name)}"


def _body(pool: Pool) -> dict[str, Any]:
    return pool_body(
        pool.name,
        pool.gpus,
        pool.gpu_caps,
        bundle=pool.bundle,
        ttl_s=pool.ttl_s,
        minimum_worker_count=pool.minimum_worker_count,
        queue_pool=pool.queue_pool,
    )
