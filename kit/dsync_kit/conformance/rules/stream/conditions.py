"""What most rules on streams share: their sentence, their needs, and the rules that they come after."""

from dsync_kit.conformance.results.rule_info import Need

__all__ = ["ARRIVES", "EVERY_KIND_ARRIVES", "LIVE", "OPENS", "RESUME", "STATE"]

STATE = "Applying the listing and then the stream from the plan's cursor gives the source's state."
RESUME = (
    "`next_cursor` covers the message's updates and all earlier ones: streaming from it again gives every later update"
)
LIVE = (Need.UPDATES, Need.LOADING, Need.CHANGING)

OPENS = ("stream/opens",)
ARRIVES = (
    *OPENS,
    "stream/stays-open",
    "stream/id-encoding",
    "stream/ids",
    "stream/inserts",
    "updates/model",
    "write/read-back",
)
EVERY_KIND_ARRIVES = (
    *OPENS,
    "stream/stays-open",
    "stream/inserts",
    "stream/overwrites",
    "stream/deletes",
    "updates/model",
    "write/read-back",
)
