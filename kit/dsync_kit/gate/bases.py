"""Finds the base of a change: the commits at which it began."""

from collections.abc import Mapping
from dataclasses import dataclass

from dsync_kit.gate.events import Event, event_of, in_ci
from dsync_kit.git.worktree import Git
from dsync_kit.usage import UsageError

__all__ = ["Base", "find_base"]

_UNCOMMITTED = ("HEAD", "@")
"""The base for changes that are not committed yet."""

_DEFAULT_BRANCHES = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master")
_LOCAL_BRANCHES = ("refs/heads/main", "refs/heads/master")

_FETCH = "fetch its history (git fetch --unshallow; on GitHub: fetch-depth: 0; on GitLab: GIT_DEPTH: 0)"


@dataclass(frozen=True, slots=True)
class Base:
    """The base, in words and as commits. Without commits, everything counts as changed."""

    name: str
    commits: tuple[str, ...]


def find_base(git: Git, asked: str | None, environ: Mapping[str, str]) -> Base:
    """Find the base: the one that is `asked` for, else the CI system's, else the main branch.

    If HEAD would be compared with itself, or an event is not about a change, everything counts as changed. Raises
    UsageError if git does not know the base, or if the change is not checked out.
    """
    head = git.commit("HEAD")
    if head is None:
        return Base("nothing: there is no commit yet", ())
    event = event_of(environ)
    if event is not None:
        _check_head(git, event, head)
    if asked in _UNCOMMITTED and event is not None and event.before_push:
        asked = None  # before a commit, the hook is about what is not committed
    if asked is not None:
        base = _asked(git, asked)
    else:
        base = _of_event(git, event, environ) if event is not None else _default(git, environ)
    # Not so if somebody works on main, or asks about uncommitted changes.
    itself = bool(base.commits) and set(base.commits) == {head}
    if itself and (in_ci(environ) or (asked not in _UNCOMMITTED and git.is_clean())):
        return Base(f"nothing: HEAD is in {base.name} already", ())
    return base


def _check_head(git: Git, event: Event, head: str) -> None:
    """Raise UsageError if the event's change is not checked out."""
    if event.head and not git.holds(event.head):
        raise UsageError(
            f"{event.source} is about the commit {event.head[:10]}, which is not in what is checked out "
            f"(HEAD is {head[:10]}): {event.checkout}"
        )
    if event.elsewhere and git.commit(event.elsewhere) == head:
        raise UsageError(
            f"{event.source} is about a change that is not checked out (HEAD is {head[:10]}): {event.checkout}"
        )


def _asked(git: Git, asked: str) -> Base:
    for name in (asked, f"origin/{asked}"):  # a CI system fetches branches without creating local ones
        if commit := git.commit(name):
            return Base(name, _branched(git, commit, name))
    raise UsageError(f"--base {asked}: git finds no such branch or commit here: fetch it, or name another")


def _of_event(git: Git, event: Event, environ: Mapping[str, str]) -> Base:
    if event.branch:
        return _into(git, event, event.branch.removeprefix("refs/heads/"))
    if event.commit:
        commit = git.commit(event.commit)
        if commit is None:
            raise UsageError(f"{event.source} begins at {event.commit[:10]}, which git does not know here: {_FETCH}")
        return Base(f"{commit[:10]}, where {event.source} began", _since(git, commit))
    if event.before:
        before = git.commit(event.before)
        if before is None:
            return Base(f"nothing: {event.before[:10]}, before {event.source}, is not known here", ())
        return Base(f"{before[:10]}, before {event.source}", _since(git, before))
    return Base(f"nothing: {event.everything}", ()) if event.everything else _default(git, environ)


def _into(git: Git, event: Event, branch: str) -> Base:
    """The base of a branch that is to be merged into another."""
    for prefix in ("origin/", ""):
        ref = f"refs/remotes/origin/{branch}" if prefix else f"refs/heads/{branch}"
        if commit := git.commit(ref):
            return Base(f"{prefix}{branch}", _branched(git, commit, f"{prefix}{branch}"))
    if commit := git.commit(event.commit):
        return Base(f"{commit[:10]} of {branch}", _branched(git, commit, branch))
    raise UsageError(
        f"{event.source} is {branch!r}, and git knows no such branch here: {_FETCH}, or name another with --base"
    )


def _default(git: Git, environ: Mapping[str, str]) -> Base:
    for ref in (*_DEFAULT_BRANCHES, *_LOCAL_BRANCHES):
        if commit := git.commit(ref):
            name = ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
            return Base(name, _branched(git, commit, name))
    if in_ci(environ):
        return Base("nothing: git has no main branch here", ())
    raise UsageError("there is no branch to compare with, neither origin/HEAD nor main: name one with --base")


def _branched(git: Git, commit: str, name: str) -> tuple[str, ...]:
    """Where HEAD's branch left another branch. Raises UsageError if they have no commit in common."""
    found = git.merge_bases(commit)
    if not found:
        raise UsageError(f"HEAD and {name} have no commit in common: {_FETCH}, or name another --base")
    # The missing part of the history may contain other merge bases.
    return tuple(dict.fromkeys([*found, commit] if git.is_shallow() and not git.holds(commit) else found))


def _since(git: Git, commit: str) -> tuple[str, ...]:
    """The base of a push. A branch that was pushed by force may no longer contain the commit."""
    return tuple(dict.fromkeys([commit, *git.merge_bases(commit)]))
