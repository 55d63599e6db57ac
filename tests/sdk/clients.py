"""The SDK under test, with one face for its synchronous and its asynchronous client."""

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing, closing
from importlib import import_module
from itertools import islice
from typing import Any, Protocol

VERSION = os.environ.get("BENCH_SDK", "")
"""The SDK's version; empty in an ordinary run, which has no SDK and leaves these tests out."""

sie_sdk: Any = import_module("sie_sdk") if VERSION else None
errors: Any = import_module("sie_sdk.client.errors") if VERSION else None


class Client(Protocol):
    """Any method of an SDK client, by its name."""

    def call(self, method: str, *args: object, **options: object) -> Any:
        """What the method returns."""

    def stream(self, method: str, *args: object, **options: object) -> list[Any]:
        """Everything that the method yields."""

    def look(self, attribute: str) -> Any:
        """An attribute, as it is after the latest call."""

    def first(self, method: str, count: int, **options: object) -> list[Any]:
        """The first so many things that an endless method yields."""

    def close(self) -> None:
        """Give the connections back."""


Make = Callable[..., Client]
"""Makes a client of a URL, with the options of the SDK's own."""


class SyncClient:
    """The synchronous client."""

    def __init__(self, url: str, **options: object) -> None:
        self._client = sie_sdk.SIEClient(url, **options)

    def call(self, method: str, *args: object, **options: object) -> Any:
        """What the method returns."""
        return getattr(self._client, method)(*args, **options)

    def stream(self, method: str, *args: object, **options: object) -> list[Any]:
        """Everything that the method yields."""
        return list(self.call(method, *args, **options))

    def look(self, attribute: str) -> Any:
        """An attribute, as it is after the latest call."""
        return getattr(self._client, attribute)

    def first(self, method: str, count: int, **options: object) -> list[Any]:
        """The first so many things that an endless method yields."""
        with closing(self.call(method, **options)) as endless:
            return list(islice(endless, count))

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


class AsyncClient:
    """The asynchronous client, on an event loop of its own that runs during each call."""

    def __init__(self, url: str, **options: object) -> None:
        self._runner = asyncio.Runner()
        self._client = self._runner.run(self._make(url, options))

    @staticmethod
    async def _make(url: str, options: dict[str, object]) -> Any:
        return sie_sdk.SIEAsyncClient(url, **options)

    def call(self, method: str, *args: object, **options: object) -> Any:
        """What the method returns."""
        return self._runner.run(getattr(self._client, method)(*args, **options))

    def stream(self, method: str, *args: object, **options: object) -> list[Any]:
        """Everything that the method yields."""

        async def collect() -> list[Any]:
            return [chunk async for chunk in getattr(self._client, method)(*args, **options)]

        return self._runner.run(collect())

    def look(self, attribute: str) -> Any:
        """An attribute, as it is after the latest call."""

        async def read() -> Any:
            return getattr(self._client, attribute)

        return self._runner.run(read())

    def first(self, method: str, count: int, **options: object) -> list[Any]:
        """The first so many things that an endless method yields."""

        async def collect() -> list[Any]:
            found: list[Any] = []
            async with aclosing(getattr(self._client, method)(**options)) as endless:
                while len(found) < count:
                    found.append(await anext(endless))
            return found

        return self._runner.run(collect())

    def pause(self, seconds: float) -> None:
        """Let what runs in the background run."""
        self._runner.run(asyncio.sleep(seconds))

    def close(self) -> None:
        """Give the connections back."""
        self._runner.run(self._client.close())
        self._runner.close()
