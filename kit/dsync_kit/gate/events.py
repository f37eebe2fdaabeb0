"""What CI systems say about the change that they run for, read from their variables without asking git."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsync_kit.usage import UsageError

__all__ = ["Event", "event_of", "in_ci"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The change that a CI run is for. The first of `branch`, `commit`, `before` and `everything` that is set counts;
    without any, the change is everything since the main branch."""

    source: str
    """Where this comes from, for messages."""
    branch: str = ""
    """The branch that the change is to be merged into."""
    commit: str = ""
    """The commit at which the change began; beside a branch, a fallback if that has not been fetched."""
    before: str = ""
    """The branch's previous commit."""
    everything: str = ""
    """Why there is nothing to compare with, so that everything counts as changed."""
    head: str = ""
    """The commit with the change: it must be in what is checked out."""
    elsewhere: str = ""
    """The commit that the CI system checks out, if that is without the change."""
    checkout: str = "check it out"
    """How to check out the change."""
    before_push: bool = False
    """Whether this is a local hook, about commits that are to be pushed."""


_NO_COMMIT = "0" * 40
"""What GitHub and GitLab give as the commit before the first one."""

_CI = (
    "CI",
    "GITHUB_ACTIONS",
    "GITHUB_EVENT_NAME",
    "GITLAB_CI",
    "BITBUCKET_BUILD_NUMBER",
    "TF_BUILD",
    "BUILDKITE",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "CODEBUILD_BUILD_ID",
)


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether a CI system runs this: there, the checkout is the change."""
    return any(environ.get(name, "").lower() not in ("", "0", "false") for name in _CI)


def event_of(environ: Mapping[str, str]) -> Event | None:
    """What the run is for; None if no CI system says so. Raises UsageError if an event cannot be read."""
    for read in (_pre_commit, _github, _gitlab, _azure, _bitbucket, _buildkite, _jenkins):
        if event := read(environ):
            return event
    return None


def _pre_commit(environ: Mapping[str, str]) -> Event | None:
    """pre-commit: hooks before a push, and runs with --from-ref and --to-ref."""
    if before := environ.get("PRE_COMMIT_FROM_REF", ""):
        head = environ.get("PRE_COMMIT_TO_REF", "")
        return Event(source="PRE_COMMIT_FROM_REF", before=before, head=head, before_push=True)
    if environ.get("PRE_COMMIT_REMOTE_NAME"):
        return Event(source="pre-commit", everything="the remote has nothing yet", before_push=True)
    return None


def _github(environ: Mapping[str, str]) -> Event | None:
    name = environ.get("GITHUB_EVENT_NAME", "")
    if not name:
        branch = environ.get("GITHUB_BASE_REF", "")
        return Event(source="GITHUB_BASE_REF", branch=branch) if branch else None
    payload = _payload(environ, name)
    source = f"the event {name}"
    if pull := payload.get("pull_request"):
        return Event(
            source=source,
            branch=environ.get("GITHUB_BASE_REF", "") or _text(pull, "base", "ref"),
            commit=_text(pull, "base", "sha"),
            everything="the event names no branch",
            head=_text(pull, "head", "sha"),
            checkout=_checkout(pull),
        )
    issue = payload.get("issue")
    if isinstance(issue, dict) and "pull_request" in issue:
        reason, sha = f"{source} does not say what its pull request changes", environ.get("GITHUB_SHA", "")
        return Event(source=source, everything=reason, elsewhere=sha, checkout=_checkout(issue))
    if name == "push":
        return _github_push(environ, payload)
    if name == "merge_group":
        return Event(
            source=source,
            commit=_text(payload, "merge_group", "base_sha"),
            everything="the event names no base_sha",
            head=_text(payload, "merge_group", "head_sha"),
            checkout="let actions/checkout take the event's own commit",
        )
    about_pull = _text(payload, "workflow_run", "event").startswith("pull_request")
    head = _text(payload, "workflow_run", "head_sha") if about_pull else ""
    return Event(source=source, everything=f"{source} is not about a change", head=head)


def _github_push(environ: Mapping[str, str], payload: Mapping[str, Any]) -> Event:
    ref = environ.get("GITHUB_REF", "") or _text(payload, "ref")
    before = _text(payload, "before").replace(_NO_COMMIT, "")
    default = _text(payload, "repository", "default_branch")
    source = "the push"
    if ref.startswith("refs/tags/"):
        return Event(source=source, everything="a tag was pushed", head=_text(payload, "head_commit", "id"))
    if before or ref == f"refs/heads/{default}":
        return Event(source=source, before=before, everything="the branch is new", head=_after(payload))
    return Event(source=source, branch=default, head=_after(payload))


def _checkout(pull: Mapping[str, Any]) -> str:
    return f"check out refs/pull/{pull.get('number', 'NUMBER')}/merge with fetch-depth: 0"


def _after(payload: Mapping[str, Any]) -> str:
    return _text(payload, "after").replace(_NO_COMMIT, "")


def _gitlab(environ: Mapping[str, str]) -> Event | None:
    if not environ.get("CI_PIPELINE_SOURCE") and not environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        return None
    head, checkout = environ.get("CI_COMMIT_SHA", ""), "let the runner check it out, with GIT_DEPTH: 0"
    for kind in ("CI_MERGE_REQUEST", "CI_EXTERNAL_PULL_REQUEST"):
        if branch := environ.get(f"{kind}_TARGET_BRANCH_NAME", ""):
            commit = environ.get(f"{kind}_DIFF_BASE_SHA", "") or environ.get(f"{kind}_TARGET_BRANCH_SHA", "")
            source = f"{kind}_TARGET_BRANCH_NAME"
            return Event(source=source, branch=branch, commit=commit, head=head, checkout=checkout)
    source, branch = environ.get("CI_PIPELINE_SOURCE", ""), environ.get("CI_COMMIT_BRANCH", "")
    if source != "push" or not branch:
        reason = "a tag was pushed" if environ.get("CI_COMMIT_TAG") else f"a pipeline of {source} is not about a change"
        return Event(source=f"the {source} pipeline", everything=reason)
    before = environ.get("CI_COMMIT_BEFORE_SHA", "").replace(_NO_COMMIT, "")
    default = environ.get("CI_DEFAULT_BRANCH", "")
    onto = "" if before or branch == default else default
    return Event(source="CI_COMMIT_BEFORE_SHA", branch=onto, before=before, everything="the branch is new", head=head)


def _azure(environ: Mapping[str, str]) -> Event | None:
    if branch := environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH", ""):
        head = environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID", "")
        checkout = "let the pipeline check it out, with fetchDepth: 0"
        return Event(source="SYSTEM_PULLREQUEST_TARGETBRANCH", branch=branch, head=head, checkout=checkout)
    reason = environ.get("BUILD_REASON", "")
    if reason in ("Schedule", "Manual", "ResourceTrigger", "BuildCompletion"):
        return Event(source="BUILD_REASON", everything=f"a run by {reason} is not about a change")
    if environ.get("BUILD_SOURCEBRANCH", "").startswith("refs/tags/"):
        return Event(source="BUILD_SOURCEBRANCH", everything="a tag was pushed")
    return None


def _bitbucket(environ: Mapping[str, str]) -> Event | None:
    if branch := environ.get("BITBUCKET_PR_DESTINATION_BRANCH", ""):
        return Event(
            source="BITBUCKET_PR_DESTINATION_BRANCH",
            branch=branch,
            commit=environ.get("BITBUCKET_PR_DESTINATION_COMMIT", ""),
            head=environ.get("BITBUCKET_COMMIT", ""),
            checkout="let the pipeline check it out, with clone: depth: full",
        )
    if environ.get("BITBUCKET_TAG"):
        return Event(source="BITBUCKET_TAG", everything="a tag was pushed")
    return None


def _buildkite(environ: Mapping[str, str]) -> Event | None:
    if branch := environ.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH", ""):
        head = environ.get("BUILDKITE_COMMIT", "")
        return Event(source="BUILDKITE_PULL_REQUEST_BASE_BRANCH", branch=branch, head=head)
    if (by := environ.get("BUILDKITE_SOURCE")) in ("schedule", "ui", "trigger_job"):
        return Event(source="BUILDKITE_SOURCE", everything=f"a build by {by} is not about a change")
    if environ.get("BUILDKITE_TAG"):
        return Event(source="BUILDKITE_TAG", everything="a tag was pushed")
    return None


def _jenkins(environ: Mapping[str, str]) -> Event | None:
    if branch := environ.get("CHANGE_TARGET", ""):
        return Event(source="CHANGE_TARGET", branch=branch)
    if environ.get("TAG_NAME") and environ.get("JENKINS_URL"):
        return Event(source="TAG_NAME", everything="a tag was pushed")
    if before := environ.get("GIT_PREVIOUS_SUCCESSFUL_COMMIT", ""):
        return Event(source="GIT_PREVIOUS_SUCCESSFUL_COMMIT", before=before)
    return None


def _payload(environ: Mapping[str, str], name: str) -> Mapping[str, Any]:
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(payload, dict):
            raise ValueError("it is not a JSON object")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"GITHUB_EVENT_PATH names no event that can be read ({error}), so what {name} changed is not known: "
            "run it where GitHub's runner has put the event, or unset GITHUB_EVENT_NAME and name a --base"
        ) from error
    return payload


def _text(payload: Mapping[str, Any], *keys: str) -> str:
    """The text at a path of keys; empty if there is none."""
    value: Any = payload
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
