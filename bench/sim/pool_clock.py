"""What happens to pools by itself: workers join now and then, and old leases are swept away."""

import asyncio
import time

from bench.sim.gateway import Gateway

_ASSIGN_S = 5.0
_SWEEP_S = 60.0


async def keep_pools(gateway: Gateway, clock_scale: float) -> None:
    """Assign every 5 s and sweep every 60 s, all times the scale, until cancelled."""
    sweeps_s = 0.0
    while True:
        await asyncio.sleep(_ASSIGN_S * clock_scale)
        sweeps_s += _ASSIGN_S
        gateway.pools.assign(gateway.driver.fleet.live)
        if sweeps_s >= _SWEEP_S:
            sweeps_s = 0.0
            gateway.pools.sweep(time.time())
