"""What most rules on streams share: their sentence, their needs, and the rules that they come after."""

from dsync_kit.conformance.results.rule_info import Need

__all__ = ["ARRIVES", "LIVE", "OPENS", "STATE"]

STATE = "Applying the listing and then the stream from the plan's cursor gives the source's state."
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
