"""An event as a line of JSON. It imports almost nothing, so that a server that logs can start at once."""

import json
import time
from collections.abc import Mapping

from dsync_kit.output.plain import encodable

__all__ = ["json_line"]


def json_line(event: str, values: Mapping[str, object]) -> str:
    """An event with its time, as a line of JSON."""
    # ASCII only: stderr may have any encoding.
    return json.dumps(encodable({"event": event, "time": round(time.time(), 3), **values}))
