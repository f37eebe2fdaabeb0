"""What the rules on sizes share."""

from dsync_kit.conformance.case.case import Case
from dsync_kit.protocol import DataType

__all__ = ["LIMIT", "MIB", "ONCE", "long_field"]

LIMIT = (
    "dsync sets neither a deadline nor a message-size limit on any call. A server that keeps a 4 MiB inbound limit "
    "answers RESOURCE_EXHAUSTED, which dsync retries in vain."
)
MIB = 1 << 20
ONCE = 0.02
"""The part of a profile's examples that makes one."""


def long_field(case: Case, data_type: DataType, size: int) -> dict[str, str]:
    """A field with a text that compresses badly, the same in every run."""
    block = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(512))
    return {case.long_field(size, data_type): (block * (size // len(block) + 1))[:size]}
