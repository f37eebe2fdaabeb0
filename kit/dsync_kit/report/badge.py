"""The result as a badge: a self-contained SVG image with one line of text."""

import html

from dsync_kit.conformance.results.outcome import Status
from dsync_kit.report.contents import Report, plural

__all__ = ["image", "render"]

_LABEL = "dsync"
_COLOURS = {0: "#2e7d32", 1: "#c62828"}
_NOT_JUDGED = "#616161"
_PADDING = 6
_CHARACTER = 6.6
"""The approximate width of a character at 11 pixels; `textLength` makes the text fit in any font."""


def render(report: Report) -> str:
    """The report's image."""
    return image(report.result.exit_code, report.result.counts()[Status.PASSED])


def image(exit_code: int, passed: int) -> str:
    """The image as SVG, for an exit code of `verify` and a number of rules. Its title equals its text."""
    message = _message(exit_code, passed)
    label_width, message_width = _width(_LABEL), _width(message)
    width = label_width + message_width
    colour = _COLOURS.get(exit_code, _NOT_JUDGED)
    said = html.escape(f"{_LABEL}: {message}")
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{said}">
  <title>{said}</title>
  <clipPath id="corners"><rect width="{width}" height="20" rx="3"/></clipPath>
  <g clip-path="url(#corners)">
    <rect width="{label_width}" height="20" fill="#424242"/>
    <rect x="{label_width}" width="{message_width}" height="20" fill="{colour}"/>
  </g>
  <g fill="#fff" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11">
    {_text(_LABEL, 0, label_width)}
    {_text(message, label_width, message_width)}
  </g>
</svg>
"""


def _message(exit_code: int, passed: int) -> str:
    match exit_code:
        case 0:
            return f"conformant · {plural(passed, 'rule')}"
        case 1:
            return "not conformant"
        case _:
            return "not judged"


def _width(text: str) -> int:
    return round(len(text) * _CHARACTER) + 2 * _PADDING


def _text(text: str, left: int, width: int) -> str:
    return f'<text x="{left + _PADDING}" y="14" textLength="{width - 2 * _PADDING}">{html.escape(text)}</text>'
