"""The names of the protocol's enum values in messages for people."""

from dsync_kit.protocol import DataType, UpdateType

__all__ = ["kind_name", "type_name"]

_TYPES: dict[int, str] = {value: name.removeprefix("DATA_TYPE_") for name, value in DataType.items()}
_KINDS: dict[int, str] = {value: name.removeprefix("UPDATE_TYPE_") for name, value in UpdateType.items()}


def type_name(number: int) -> str:
    """A data type without its prefix: `MONGO_BSON`; `type 9` for an unknown one."""
    return _TYPES.get(number, f"type {number}")


def kind_name(number: int) -> str:
    """An update's type without its prefix: `INSERT`; `type 9` for an unknown one."""
    return _KINDS.get(number, f"type {number}")
