"""Pools that a run makes for itself, and takes down again."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator

from bench.scenario.base import Closed

PoolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
Workers = Mapping[Annotated[str, Field(pattern=r"^[!-~]+$")], NonNegativeInt]


class Pool(Closed):
    """A pool to make before the run, with the credential of `target.admin_key_env`."""

    name: PoolName
    gpus: Workers = Field({}, description="workers of each machine profile that it needs")
    gpu_caps: Workers = Field({}, description="the most of each that may join")
    bundle: str | None = None
    ttl_s: PositiveInt | None = Field(None, description="lease; it is renewed each minute, or sooner")
    minimum_worker_count: NonNegativeInt = 0
    queue_pool: PoolName | None = Field(None, description="whose workers it borrows; dialect 0.10 only")
    wait_s: NonNegativeFloat = Field(
        30.0, description="how long to wait for its workers before the start; 0: start cold"
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Pool":
        if not self.gpus and not self.gpu_caps:
            raise ValueError(f"pool {self.name!r} asks for no workers: give gpus or gpu_caps")
        return self
