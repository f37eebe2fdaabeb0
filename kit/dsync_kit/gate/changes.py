"""What a change touches: the connectors in a git repository whose files differ from where a branch began."""

import fnmatch
import json
import os
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dsync_kit.errors import UsageError

__all__ = ["Change", "find_change"]

_MARKS = ("registration.py", "conformance.py")
"""A folder that holds both is a connector's."""

_BASE_VARIABLES = (
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",  # GitLab
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",  # Azure Pipelines
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "CHANGE_TARGET",  # Jenkins
)
"""In which CI systems name the branch that a change is to be merged into."""

_REQUIREMENTS = ("pyproject.toml", "setup.cfg", "setup.py", "requirements*.txt", "constraints*.txt", "*.lock")
"""Files that say what is installed: above a connector, they may bring it another kit or another client library."""


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from the base, by connectors. Folders are relative to `root`, the repository's own.

    `base` is what was compared with, in words; `connectors` are all that were looked at, `touched` those to verify.
    """

    root: Path
    base: str
    connectors: tuple[PurePosixPath, ...]
    touched: tuple[PurePosixPath, ...]

    def name(self, folder: PurePosixPath) -> str:
        """A connector's name that no other in the repository has, and that can be a file's."""
        return "-".join(folder.parts) or self.root.name


def find_change(
    working_folder: Path,
    environ: Mapping[str, str],
    *,
    base: str | None = None,
    connectors: str | None = None,
    shared: Sequence[str] = (),
) -> Change:
    """Find out what the change touches that `working_folder`'s repository holds, committed or not.

    `base` is a branch or commit; without one it is what the CI system says in `environ`, else the remote's main
    branch, else main. `connectors` is a folder or a glob, relative to `working_folder`; `shared` are globs, relative to
    the repository, of files that touch every connector. Raises UsageError where git cannot tell.
    """
    git = _Git.at(working_folder)
    name, commit = _base(git, base, environ)
    present = git.files()
    changed = git.changed(commit) if commit else present
    wanted = _pattern(git.root, working_folder, connectors)
    found = sorted(folder for folder in _connectors(git.root, present) if _is_below(folder, wanted))
    gone = (path.parent for path in changed - present if path.name in _MARKS)
    if connectors is not None and not found and not any(_is_below(folder, wanted) for folder in gone):
        raise UsageError(
            f"--connectors {connectors}: no connector is there: expected a folder with {' and '.join(_MARKS)}, "
            "a folder above such, or a glob"
        )
    return Change(git.root, name, tuple(found), tuple(_touched(found, changed, shared)))


@dataclass(frozen=True, slots=True)
class _Git:
    root: Path

    @classmethod
    def at(cls, folder: Path) -> "_Git":
        done = _run(folder, "rev-parse", "--show-toplevel")
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["git does not say why"])[0]
            raise UsageError(
                f"{folder} is in no git repository ({reason}): run it where the connectors are checked out"
            )
        return cls(Path(done.stdout.rstrip("\n")).resolve())

    def commit(self, ref: str) -> str | None:
        """The commit that a name means."""
        if ref.startswith("-"):
            return None
        done = _run(self.root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        return done.stdout.strip() or None

    def merge_base(self, commit: str, name: str) -> str:
        """Where HEAD's branch left the commit's. Raises UsageError where they have nothing in common."""
        done = _run(self.root, "merge-base", commit, "HEAD")
        if done.returncode:
            raise UsageError(
                f"HEAD and {name} have no commit in common: fetch their history "
                "(git fetch --unshallow; on GitHub: fetch-depth: 0), or name another --base"
            )
        return done.stdout.strip()

    def files(self) -> set[PurePosixPath]:
        """The files that are there, and not ignored."""
        listed = self._paths("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return {path for path in listed if (self.root / path).is_file()}

    def changed(self, commit: str) -> set[PurePosixPath]:
        """The files that differ from the commit: changed, new, or gone."""
        differing = self._paths("diff", "-z", "--name-only", "--no-renames", "--no-relative", "--no-ext-diff", commit)
        return differing | self._paths("ls-files", "-z", "--others", "--exclude-standard")

    def _paths(self, *words: str) -> set[PurePosixPath]:
        done = _run(self.root, *words)
        if done.returncode:
            raise UsageError(f"git {words[0]} failed: {done.stderr.strip()}")
        return {PurePosixPath(path) for path in done.stdout.split("\0") if path}


def _run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(  # noqa: S603 - no shell reads the words
            command, capture_output=True, text=True, encoding="utf-8", errors="surrogateescape", check=False
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed, or not on the PATH: it tells which connectors are touched") from error


def _base(git: _Git, asked: str | None, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """What to compare with: its name, and the commit. Without a commit everything counts as changed."""
    if git.commit("HEAD") is None:
        return "nothing: there is no commit yet", None
    if asked is not None:
        commit = git.commit(asked)
        if commit is None:
            raise UsageError(f"--base {asked}: git knows no such branch or commit here: fetch it, or name another")
        return asked, git.merge_base(commit, asked)
    for variable in _BASE_VARIABLES:
        if branch := environ.get(variable, "").removeprefix("refs/heads/"):
            found = _first(git, (f"origin/{branch}", branch))
            if found is None:
                raise UsageError(
                    f"{variable} is {branch!r}, and git knows no such branch here: fetch it with its history "
                    "(on GitHub: fetch-depth: 0), or name another with --base"
                )
            return found[0], git.merge_base(found[1], found[0])
    pushed = environ.get("GITHUB_EVENT_NAME") == "push"
    if pushed and (before := git.commit(_before(environ))):
        return f"{before[:10]}, before the push", git.merge_base(before, before)
    found = _first(git, ("origin/HEAD", "origin/main", "main", "master"))
    if found is None:
        raise UsageError("there is no branch to compare with, neither origin/HEAD nor main: name one with --base")
    start = git.merge_base(found[1], found[0])
    if pushed and start == git.commit("HEAD"):
        return "nothing: what was there before the push is not known", None
    return found[0], start


def _first(git: _Git, names: Iterable[str]) -> tuple[str, str] | None:
    return next(((name, commit) for name in names if (commit := git.commit(name))), None)


def _before(environ: Mapping[str, str]) -> str:
    """The commit that a branch was at before the push that GitHub runs for; one that does not exist, for a new one."""
    try:
        event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError) as error:
        raise UsageError(f"GITHUB_EVENT_PATH names no event that can be read ({error}): name a --base") from error
    return str(event.get("before") or "0" * 40)


def _connectors(root: Path, present: Collection[PurePosixPath]) -> set[PurePosixPath]:
    folders = {path.parent for path in present if path.name == _MARKS[0]}
    return {folder for folder in folders if all((root / folder / name).is_file() for name in _MARKS)}


def _pattern(root: Path, working_folder: Path, connectors: str | None) -> str:
    """A glob as a path from the repository's root; that of the root itself is `.`."""
    if connectors is None:
        return "."
    pattern = os.path.relpath(working_folder.resolve() / connectors, root)
    if pattern.startswith(".."):
        raise UsageError(f"--connectors {connectors}: that is outside of the repository {root}")
    return PurePosixPath(pattern).as_posix()


def _is_below(folder: PurePosixPath, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(str(above), pattern) for above in (folder, *folder.parents))


def _touched(
    connectors: Sequence[PurePosixPath], changed: Collection[PurePosixPath], shared: Sequence[str]
) -> list[PurePosixPath]:
    """The connectors with a changed file of their own, or below changed requirements; all, if a shared file changed."""
    if any(fnmatch.fnmatchcase(str(path), glob) for path in changed for glob in shared):
        return list(connectors)
    known = set(connectors)
    # A file belongs to the innermost connector that it lies in.
    own = {next((folder for folder in path.parents if folder in known), None) for path in changed}
    requirements = {
        path.parent for path in changed if any(fnmatch.fnmatchcase(path.name, glob) for glob in _REQUIREMENTS)
    }
    return [folder for folder in connectors if folder in own or requirements & set(folder.parents)]
