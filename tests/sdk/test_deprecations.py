"""Deprecations in the SDK say in time what to write instead, and in which release the old way goes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.version import Version

from dsync_kit import __version__

PACKAGE = Path(__file__).parents[2] / "kit" / "dsync_kit"

SENTENCE = re.compile(r"write .+ instead; .+ goes in (\d+\.\d+)")


def warned(code: str) -> Iterator[str]:
    """The messages of a module's deprecations: of the decorator `deprecated`, and of DeprecationWarning."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Call(
                func=ast.Name(id="deprecated" | "DeprecationWarning"), args=[ast.Constant(value=str(text)), *_]
            ):
                yield text
            case ast.Call(args=[ast.Constant(value=str(text)), ast.Name(id="DeprecationWarning"), *_]):
                yield text
            case ast.Name(id="PendingDeprecationWarning" | "FutureWarning"):
                yield "another warning than DeprecationWarning"


def wrong(message: str, version: str = __version__) -> str | None:
    """What is wrong with a deprecation's message in a version of the kit."""
    sentence = SENTENCE.fullmatch(message)
    if sentence is None:
        return f"{message!r}: expected 'write NEW instead; OLD goes in RELEASE'"
    return f"{message!r}: it should be gone" if Version(sentence[1]) <= Version(version) else None


def test_deprecations_say_what_to_write_instead_and_until_when() -> None:
    """And nothing deprecated outlives its release."""
    messages = [text for path in PACKAGE.rglob("*.py") for text in warned(path.read_text(encoding="utf-8"))]
    assert [fault for message in messages if (fault := wrong(message))] == []


def test_the_test_can_fail() -> None:
    """It finds each way to deprecate something, and messages that say too little or are overdue."""
    code = (
        '@deprecated("write b() instead; a() goes in 0.4")\ndef a() -> None: ...\n'
        'warnings.warn("do not", DeprecationWarning, stacklevel=2)\n'
        'warnings.warn(DeprecationWarning("nor this"))\n'
    )
    assert list(warned(code)) == ["write b() instead; a() goes in 0.4", "do not", "nor this"]
    assert wrong("write b() instead; a() goes in 0.4", "0.3.9") is None
    assert wrong("write b() instead; a() goes in 0.4", "0.4.0.dev0") is None
    assert wrong("write b() instead; a() goes in 0.4", "0.4.0") is not None
    assert wrong("do not", "0.3.0") is not None
