"""What the engine's journal leaves in the log."""

from bench.protocol import Facts
from bench.record.log import HEARD


def test_a_reply_s_facts_are_packed_in_the_order_that_the_log_reads() -> None:
    """They are packed as they are, by place; what the log does not know comes after."""
    assert Facts.__struct_fields__[: len(HEARD)] == HEARD
