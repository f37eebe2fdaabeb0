"""The tutorial's steps, applied to a scaffold as a reader would: the code in a block replaces the code of the same
name."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["STEPS", "Edit", "edits"]

STEPS = 11
_BLOCK = re.compile(
    r"<!-- step (?P<step>\d+): (?P<file>[\w./]+)(?:, (?P<where>.+?))? -->\n(?:```\w+\n(?P<code>.*?)```\n)?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Edit:
    """A step's change to a file: put in `code`, or do what `where` says."""

    step: int
    file: str
    where: str
    code: str

    def apply(self, folder: Path) -> None:
        """Change the file. Raises ValueError if the code that the page mentions is not there."""
        path = folder / self.file
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md" and self.where.startswith("remove "):
            changed = _exchanged(text, self.where.removeprefix("remove ") + "\n", "")
        elif path.suffix == ".md":
            changed = _exchanged(text, self.where, self.code + self.where)
        elif self.where.startswith("remove "):
            changed = _removed(text, self.where.split()[1:])
        elif self.where == "docstring":
            changed = _spliced(text, *_span(text, ast.parse(text).body[0]), self.code)
        elif self.code.startswith('"""'):
            changed = self.code
        else:
            changed = _merged(text, self.code)
        path.write_text(changed, encoding="utf-8")


def edits(page: str) -> Iterator[Edit]:
    """The edits of a page, in order."""
    for found in _BLOCK.finditer(page):
        yield Edit(int(found["step"]), found["file"], found["where"] or "", found["code"] or "")


def _exchanged(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"there is no {old!r}")
    return text.replace(old, new, 1)


def _merged(text: str, code: str) -> str:
    """Statements replace those with the same names, in a class those of that class; others are added."""
    for node in ast.parse(code).body:
        if isinstance(node, ast.ClassDef):
            text = _replaced(text, code, node.body, node.name)
    others = [node for node in ast.parse(code).body if not isinstance(node, ast.ClassDef)]
    return _replaced(text, code, others, "")


def _replaced(text: str, code: str, nodes: list[ast.stmt], where: str) -> str:
    last = ""
    for name, source in _statements(code, nodes):
        body = _body(text, where)
        old = next((node for node in body if name and _name(node) == name), None)
        if old is not None:
            text = _spliced(text, *_span(text, old), source)
        elif name is None:
            text = _spliced(text, *_after(_imports(body)), source)
        else:
            before = next((node for node in body if last and _name(node) == last), None)
            before = before or (body[0] if where else _imports(body) if source.startswith("_") else body[-1])
            text = _spliced(text, *_after(before), f"\n{source}" if where else f"\n\n{source}")
        last = name or last
    return text


def _removed(text: str, names: list[str]) -> str:
    for name in names:
        places = [_body(text, ""), *(node.body for node in _body(text, "") if isinstance(node, ast.ClassDef))]
        found = [node for body in places for node in body if _name(node) == name]
        if not found:
            raise ValueError(f"there is no {name}")
        text = _spliced(text, *_span(text, found[0]), "")
    return text


def _statements(code: str, nodes: list[ast.stmt]) -> Iterator[tuple[str | None, str]]:
    """The statements with their names; a text after a constant belongs to it. Imports have no name."""
    lines = code.splitlines(keepends=True)
    for index, node in enumerate(nodes):
        if isinstance(node, ast.Expr):
            continue
        following = nodes[index + 1] if index + 1 < len(nodes) else None
        last = following if isinstance(following, ast.Expr) else node
        yield _name(node), "".join(lines[_first(node) - 1 : last.end_lineno])


def _body(text: str, where: str) -> list[ast.stmt]:
    body = ast.parse(text).body
    if not where:
        return body
    [found] = [node.body for node in body if isinstance(node, ast.ClassDef) and node.name == where]
    return found


def _imports(body: list[ast.stmt]) -> ast.stmt:
    return [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)][-1]


def _name(node: ast.stmt) -> str | None:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return None


def _first(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _span(text: str, node: ast.stmt) -> tuple[int, int]:
    """The lines of a statement, with the comments directly above it."""
    lines = text.splitlines()
    start = _first(node) - 1
    while lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start, node.end_lineno or start


def _after(node: ast.stmt) -> tuple[int, int]:
    end = node.end_lineno or 0
    return end, end


def _spliced(text: str, start: int, end: int, source: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:start], source, *lines[end:]])
