"""The options of `/dev/fakesource`."""

from datetime import timedelta
from typing import Any, Self

import orjson
from pydantic import model_validator

from dsync_kit.settings import ConnectorSettings, Duration, option

__all__ = ["FakeSourceSettings"]

_ZERO = timedelta()


class FakeSourceSettings(ConnectorSettings):
    """How much data there is, how it is delivered, and its contents."""

    namespace_prefix: str = option("ns", help="the start of every namespace's name; a number follows")
    num_namespaces: int = option(2, help="namespaces", gt=0)
    num_partitions_per_namespace: int = option(3, help="partitions in each namespace", gt=0)
    num_update_partitions_per_namespace: int = option(
        0, help="updates partitions for each namespace; 0 makes one for all namespaces, as dsync needs", ge=0
    )
    num_docs_per_partition: int = option(1000, help="documents in each partition", ge=0)
    batch_size: int = option(150, help="documents on a page", gt=0)
    update_batch_size: int = option(10, help="the most updates in a message of the stream", gt=0)
    max_updates_per_tick: int = option(10, help="the most updates in each updates partition per tick", ge=0)
    update_duration: Duration = option(_ZERO, help="the length of a stream; 0 means it never ends", ge=_ZERO)
    stream_tick: Duration = option(timedelta(seconds=1), help="the time between ticks of the stream", gt=_ZERO)
    payload: list[str] = option([], help="a text field to add to each document", metavar="KEY:VALUE")
    payload_json: str = option("", help="fields to add to each document, as a JSON object", metavar="JSON")
    sleep: Duration = option(_ZERO, help="a delay before each page", ge=_ZERO)
    jitter: Duration = option(_ZERO, help="a random extra delay, up to this long", ge=_ZERO)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of every document besides its id and its place."""
        fields: dict[str, Any] = orjson.loads(self.payload_json) if self.payload_json else {}
        for pair in self.payload:
            key, _, value = pair.partition(":")
            fields[key] = value
        return fields

    @model_validator(mode="after")
    def _check_payload(self) -> Self:
        if self.payload_json:
            try:
                given = orjson.loads(self.payload_json)
            except orjson.JSONDecodeError as error:
                raise ValueError(f"--payload-json: not a JSON object: {error}") from error
            if not isinstance(given, dict):
                raise ValueError(f"--payload-json: expected a JSON object, not {type(given).__name__}")
        for pair in self.payload:
            if ":" not in pair or pair.startswith(":"):
                raise ValueError(f"--payload {pair!r}: expected KEY:VALUE")
        if taken := {"id", "_id", "namespace", "partition", "number", "revision"} & self.fields.keys():
            raise ValueError(f"the payload has {sorted(taken)[0]!r}, which every document has already: rename it")
        return self
