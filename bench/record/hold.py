"""One process at a time fills a run folder: a lock that ends with the process, however that ends.

A drive whose parent was killed closes its books before it ends. Whoever goes on with the experiment waits for
that, or the old drive would close them in the new run.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.record.folder import FolderError

LOOK_EVERY_S = 0.1


@contextmanager
def held(folder: Path, patience_s: float = 5.0) -> Iterator[None]:
    """Have a folder to ourselves, under whatever name, until the block ends.

    Raises FolderError where another process has it for longer than `patience_s`. On a file system without
    locks nobody is kept out.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise FolderError(f"{folder} cannot be opened: {error.strerror}") from None
    try:
        _lock(handle, folder, time.monotonic() + patience_s)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path, until_s: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until_s:
                raise FolderError(f"{folder} is being filled by another process; wait for its end") from None
            time.sleep(LOOK_EVERY_S)
        except OSError:  # no locks here
            return
        else:
            return
