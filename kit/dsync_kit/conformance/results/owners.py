"""Rules that own violations which other rules notice, too: the failure belongs to the owner, whoever notices it.

Only the rules themselves contain rule ids. All other code uses these names, or a kind of evidence.
"""

from enum import StrEnum

__all__ = ["Owner"]


class Owner(StrEnum):
    """A rule that owns a violation which any rule may notice."""

    DECLARED_SOURCE = "info/declared-source"
    DECLARED_SINK = "info/declared-sink"
    FIELD_ORDER = "wire/field-order"
    JSON_SPELLING = "wire/json-spelling"
    PLAN_UPDATES_FLAG = "plan/updates-flag"
    PLAN_PARTITIONS = "plan/partitions"
    PLAN_DEFAULT = "plan/default"
    PLAN_ASKED_NAMESPACES = "plan/asked-namespaces"
    LIST_ENDS = "list/ends"
    LIST_CURSOR_ADVANCES = "list/cursor-advances"
    LIST_TYPE = "list/type"
    LIST_COMPLETE = "list/complete"
    LIST_IDS_UNIQUE = "list/ids-unique"
    WRITE_ACCEPTS = "write/accepts"
    WRITE_READ_BACK = "write/read-back"
    DELETES = "updates/delete"
    STREAM_OPENS = "stream/opens"
    STREAM_STAYS_OPEN = "stream/stays-open"
    STREAM_FROM_PLAN = "stream/from-plan"
    STREAM_NAMESPACE_NAMED = "stream/namespace-named"
    STREAM_UPDATE_TYPE = "stream/update-type"
    STREAM_ID_ENCODING = "stream/id-encoding"
    STREAM_IDS = "stream/ids"
    STREAM_DOCUMENTS = "stream/documents"
    STREAM_VALUES = "stream/values"
    LSN_MONOTONE = "lsn/monotone"
    GET_BY_IDS_MISSING = "get-by-ids/missing"
    TEARDOWN_TWICE = "lifecycle/teardown-twice"
    BSON_TEXT = "encoding/bson-text"
    BSON_INT32 = "encoding/bson-int32"
    BSON_INT64 = "encoding/bson-int64"
    BSON_DOUBLE = "encoding/bson-double"
    BSON_BOOLEAN = "encoding/bson-boolean"
    BSON_NULL = "encoding/bson-null"
    BSON_OBJECT_ID = "encoding/bson-object-id"
    BSON_DATE = "encoding/bson-date"
    BSON_BINARY = "encoding/bson-binary"
    BSON_DECIMAL = "encoding/bson-decimal"
    BSON_RARE = "encoding/bson-rare"
    JSON_TEXT = "encoding/json-text"
    JSON_NUMBERS = "encoding/json-numbers"
    JSON_LITERALS = "encoding/json-literals"
    EMPTY_AND_NULL = "encoding/empty-and-null"
    ARRAY_ORDER = "encoding/array-order"
    DEEP = "encoding/deep"
    FIELD_NAMES = "encoding/field-names"
