"""All commands in the project's pages, with their places."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["OURS", "PAGES", "ROOT", "Command", "commands_in"]

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    sorted(
        path
        for pattern in ("*.md", "docs/*.md", "skills/*/*.md", "examples/*/README.md")
        for path in ROOT.glob(pattern)
    )
)
OURS = ("dsync-kit", "dsync-new", "make")
_OTHERS = ("pip", "pytest", "grep", "dsync", "aws", "cd", "git")
_SHELLS = ("sh", "bash", "console")
_FENCE = re.compile(r"^( *)(```+)(\w*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_WITHIN = re.compile(r"(?<![\w/.-])(?:dsync-kit|dsync-new) .*")


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it is in a page, without its comment; `inline` if it is part of a sentence."""

    page: Path
    text: str
    inline: bool

    @property
    def words(self) -> list[str]:
        """Its words, up to a pipe or another command."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars="|;&")
        lexer.whitespace_split = True
        found = []
        for word in lexer:
            if set(word) <= set("|;&"):
                break
            found.append(word)
        return found

    def __str__(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}: {self.text}"


def commands_in(page: Path, text: str) -> Iterator[Command]:
    """The commands of a page, in their order.

    A block of a shell holds nothing but commands: a line that begins with a program that is not known here raises
    ValueError. In a block of no language they are among other lines. In a sentence they stand in backticks.
    """
    found: list[tuple[int, Command]] = []
    for block in _FENCE.finditer(text):
        found += [(block.start(), command) for command in _in_block(page, block[3], block[4])]
    # As many characters as before, so that the places stay what they are.
    prose = _FENCE.sub(lambda block: " " * len(block[0]), text)
    for span in _SPAN.finditer(prose):
        words = " ".join(span[1].split())
        if words.split(" ")[0] in OURS:
            found.append((span.start(), Command(page, words, inline=True)))
    yield from (command for _, command in sorted(found, key=lambda entry: entry[0]))


def _in_block(page: Path, language: str, text: str) -> Iterator[Command]:
    for line in text.splitlines():
        bare = " ".join(shlex.split(line, comments=True)) if language in _SHELLS else line.strip()
        program = bare.split(" ")[0]
        if not bare or (language and language not in _SHELLS):
            continue
        if program in OURS or program in _OTHERS:
            yield Command(page, _without_comment(line.strip()), inline=False)
        elif language in _SHELLS:
            raise ValueError(f"{page}: {program!r} is no program that is known here: {line.strip()}")
        elif within := _WITHIN.search(line):
            yield Command(page, _without_comment(within[0]), inline=False)


def _without_comment(line: str) -> str:
    return re.split(r"\s+#\s", line)[0].strip()
