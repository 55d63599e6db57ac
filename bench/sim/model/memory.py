"""The key-value memory of one engine, in blocks, with the prefixes that stay in it for later prompts."""

from collections.abc import Sequence

BLOCK_TOKENS = 16
PREFIX_TOKENS = 512
"""Length of the stretches that are shared as a whole."""
_PREFIX_BLOCKS = PREFIX_TOKENS // BLOCK_TOKENS


def blocks_of(tokens: int) -> int:
    """Blocks that hold so many tokens."""
    return -(-tokens // BLOCK_TOKENS)


class BlockMemory:
    """So many blocks: free, owned by one sequence each, or holding a stretch of prompt that many may share.

    Stretches that nobody uses stay until their blocks are needed; the one unused for longest goes first.
    """

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self._free = blocks
        self._users: dict[int, int] = {}
        self._unused: dict[int, None] = {}

    @property
    def used(self) -> int:
        """Blocks that sequences hold, shared ones counted once; unused stretches do not count."""
        return self.blocks - self.room

    @property
    def room(self) -> int:
        """Blocks that can be taken: free ones and those of unused stretches."""
        return self._free + _PREFIX_BLOCKS * len(self._unused)

    def take(self, blocks: int) -> bool:
        """Take blocks for one sequence, forgetting unused stretches if need be; whether there were enough."""
        if blocks > self._free:
            if blocks > self.room:
                return False
            while blocks > self._free:
                oldest = next(iter(self._unused))
                del self._unused[oldest]
                self._free += _PREFIX_BLOCKS
        self._free -= blocks
        return True

    def give(self, blocks: int) -> None:
        """Take blocks back from a sequence."""
        self._free += blocks

    def hold(self, stretches: Sequence[int]) -> int:
        """Begin to use the leading stretches that are here; how many those are."""
        for place, stretch in enumerate(stretches):
            if stretch not in self._users and stretch not in self._unused:
                return place
            self._unused.pop(stretch, None)
            self._users[stretch] = self._users.get(stretch, 0) + 1
        return len(stretches)

    def adopt(self, stretches: Sequence[int]) -> int:
        """Make blocks of one sequence shared, for as many of its next stretches as are new; how many."""
        for place, stretch in enumerate(stretches):
            if stretch in self._users or stretch in self._unused:
                return place
            self._users[stretch] = 1
        return len(stretches)

    def drop(self, stretches: Sequence[int]) -> None:
        """Use these no longer; the last ones are the first to be forgotten."""
        for stretch in reversed(stretches):
            self._users[stretch] -= 1
            if not self._users[stretch]:
                del self._users[stretch]
                self._unused[stretch] = None
