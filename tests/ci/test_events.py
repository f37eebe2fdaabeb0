"""What the gate compares with for the events of CI systems: never HEAD with itself, and never a missing commit."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dsync_kit.errors import UsageError

from .conftest import Repository, change, touched

pytestmark = pytest.mark.usefixtures("no_outer_git")

ALL = ["connectors/a", "connectors/b", "other/c"]
NO_COMMIT = "0" * 40

Event = Callable[..., dict[str, str]]


@pytest.fixture
def event(tmp_path: Path) -> Event:
    """GitHub's variables for an event with this payload."""

    def make(name: str, payload: Mapping[str, Any] | None = None, **variables: str) -> dict[str, str]:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(payload or {}), encoding="utf-8")
        return {"CI": "true", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), **variables}

    return make


def pull(repository: Repository, head: str = "branch") -> dict[str, Any]:
    """The payload of a pull request into main."""
    return {
        "pull_request": {
            "number": 7,
            "base": {"ref": "main", "sha": repository.git("rev-parse", "main")},
            "head": {"sha": repository.git("rev-parse", head)},
        }
    }


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch", "release", "repository_dispatch", "deployment"])
def test_an_event_that_is_about_no_change(branched: Repository, event: Event, name: str) -> None:
    """Everything is verified, on main and on other branches."""
    assert touched(branched, event(name)) == ALL
    branched.git("switch", "--quiet", "main")
    found = change(branched, event(name))
    assert [str(folder) for folder in found.touched] == ALL
    assert found.base == f"nothing: the event {name} is not about a change"


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "pull_request_review"])
def test_a_pull_request(branched: Repository, event: Event, name: str) -> None:
    """Its changes are verified, whether its head or the merge is checked out; otherwise it is an error."""
    payload = pull(branched)
    assert touched(branched, event(name, payload)) == ["connectors/a"]
    branched.git("switch", "--quiet", "--detach", "main")
    with pytest.raises(UsageError, match=rf"the event {name} is about the commit .* check out refs/pull/7/merge"):
        change(branched, event(name, payload))
    with pytest.raises(UsageError, match="is not in what is checked out"):
        change(branched, event(name, payload), base="main")
    branched.git("merge", "--quiet", "--no-ff", "branch")
    assert touched(branched, event(name, payload)) == ["connectors/a"]


def test_a_comment_on_a_pull_request(branched: Repository, event: Event) -> None:
    """By default, main is checked out, without the pull request: an error. With its head checked out, everything is
    verified."""
    payload = {"issue": {"number": 7, "pull_request": {}}}
    branched.git("switch", "--quiet", "main")
    main = branched.git("rev-parse", "HEAD")
    with pytest.raises(UsageError, match=r"the event issue_comment .* check out refs/pull/7/merge"):
        change(branched, event("issue_comment", payload, GITHUB_SHA=main))
    branched.git("switch", "--quiet", "branch")
    assert touched(branched, event("issue_comment", payload, GITHUB_SHA=main)) == ALL
    assert touched(branched, event("issue_comment", {"issue": {"number": 8}}, GITHUB_SHA=main)) == ALL


def test_a_pull_request_whose_branch_is_not_fetched(branched: Repository, event: Event) -> None:
    """The commit that the event names is enough; without it, the error says what to fetch."""
    payload = pull(branched)
    branched.git("update-ref", "-d", "refs/remotes/origin/main")
    branched.git("branch", "--quiet", "-D", "main")
    assert touched(branched, event("pull_request", payload)) == ["connectors/a"]
    payload["pull_request"]["base"]["sha"] = "1" * 40
    with pytest.raises(UsageError, match=r"'main', and git knows no such branch here: fetch .* fetch-depth: 0"):
        change(branched, event("pull_request", payload))


def test_a_merge_queue(branched: Repository, event: Event) -> None:
    """It is compared with the commit that the group is merged onto, which may be ahead of main."""
    branched.git("switch", "--quiet", "main")
    base = branched.git("rev-parse", "HEAD~1")
    head = branched.git("rev-parse", "HEAD")
    group = {"merge_group": {"base_sha": base, "head_sha": head}}
    assert touched(branched, event("merge_group", group)) == ["connectors/b"]
    group["merge_group"]["base_sha"] = "1" * 40
    with pytest.raises(UsageError, match=r"the event merge_group begins at 1111111111, which git does not know here"):
        change(branched, event("merge_group", group))
    group["merge_group"]["head_sha"] = branched.git("rev-parse", "branch")
    with pytest.raises(UsageError, match="is not in what is checked out"):
        change(branched, event("merge_group", group))


def test_a_push_of_a_tag(branched: Repository, event: Event) -> None:
    """A tag is a release: everything is verified."""
    head = branched.git("rev-parse", "HEAD")
    payload = {"before": NO_COMMIT, "after": head, "ref": "refs/tags/v1"}
    assert touched(branched, event("push", payload, GITHUB_REF="refs/tags/v1")) == ALL


def test_a_push_of_a_new_branch(branched: Repository, event: Event) -> None:
    """It is compared with the default branch; a new default branch with nothing."""
    repository = {"default_branch": "main"}
    payload = {"before": NO_COMMIT, "ref": "refs/heads/branch", "repository": repository}
    assert touched(branched, event("push", payload)) == ["connectors/a"]
    branched.git("switch", "--quiet", "main")
    assert touched(branched, event("push", {**payload, "ref": "refs/heads/main"})) == ALL


def test_a_push_by_force(branched: Repository, event: Event) -> None:
    """Both what the branch gained and what it lost count as changed."""
    lost = branched.git("rev-parse", "HEAD")
    branched.git("reset", "--quiet", "--hard", "HEAD~1")
    branched.write("other/c/connector.py", "# changed\n")
    branched.commit()
    payload = {"before": lost, "ref": "refs/heads/branch", "forced": True}
    assert touched(branched, event("push", payload)) == ["connectors/a", "other/c"]
    assert touched(branched, event("push", {**payload, "before": "1" * 40})) == ALL


def test_the_same_push_again(branched: Repository, event: Event) -> None:
    """A push without new commits is compared with nothing."""
    head = branched.git("rev-parse", "HEAD")
    assert touched(branched, event("push", {"before": head, "after": head, "ref": "refs/heads/branch"})) == ALL


def test_an_event_that_cannot_be_read(branched: Repository, event: Event) -> None:
    """It is an error, not a guess."""
    environ = event("pull_request")
    for text in ("", "[]"):
        Path(environ["GITHUB_EVENT_PATH"]).write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match="GITHUB_EVENT_PATH names no event that can be read"):
            change(branched, environ)


def test_head_with_itself(branched: Repository) -> None:
    """If HEAD is the base, however it is named, everything is verified, unless there are uncommitted changes."""
    branched.git("switch", "--quiet", "main")
    for options in ({}, {"base": "main"}, {"base": "origin/main"}):
        found = change(branched, **options)
        assert [str(folder) for folder in found.touched] == ALL
        assert found.base.startswith("nothing: HEAD is in ")
    assert touched(branched, base="HEAD") == []
    branched.write("other/c/connector.py", "# changed\n")
    assert touched(branched) == touched(branched, base="HEAD") == ["other/c"]
    for base in (None, "main", "HEAD"):
        assert touched(branched, {"CI": "true"}, base=base) == ALL


def test_a_base_that_only_the_remote_has(branched: Repository) -> None:
    """`--base main` means the remote's branch if there is no local one, as on a CI system."""
    branched.git("branch", "--quiet", "-D", "main")
    found = change(branched, base="main")
    assert (found.base, [str(folder) for folder in found.touched]) == ("origin/main", ["connectors/a"])


def test_a_tag_is_not_a_branch(branched: Repository) -> None:
    """A tag named main does not stand in for the branch."""
    branched.git("update-ref", "-d", "refs/remotes/origin/main")
    branched.git("tag", "main", "branch")
    assert touched(branched) == ["connectors/a"]
    assert touched(branched, {"CHANGE_TARGET": "main"}) == ["connectors/a"]


def gitlab(**variables: str) -> dict[str, str]:
    return {"CI": "true", "GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", **variables}


def test_gitlab_merge_request(branched: Repository) -> None:
    """The base is its target branch, or the commit that GitLab names, because runners fetch no other branch."""
    target = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    assert touched(branched, gitlab(**target)) == ["connectors/a"]
    base = branched.git("merge-base", "main", "branch")
    branched.git("update-ref", "-d", "refs/remotes/origin/main")
    branched.git("branch", "--quiet", "-D", "main")
    assert touched(branched, gitlab(**target, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)) == ["connectors/a"]
    with pytest.raises(UsageError, match="GIT_DEPTH: 0"):
        change(branched, gitlab(**target))
    with pytest.raises(UsageError, match="is not in what is checked out"):
        change(branched, gitlab(**target, CI_COMMIT_SHA="1" * 40))


def test_gitlab_branch(branched: Repository) -> None:
    """The pushed commits count; for a new branch, those since main; on main with an unknown previous commit,
    everything."""
    push = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "branch"}
    branched.write("other/c/connector.py", "# changed\n")
    branched.commit()
    before = branched.git("rev-parse", "HEAD~1")
    assert touched(branched, gitlab(**push, CI_COMMIT_BEFORE_SHA=before)) == ["other/c"]
    assert touched(branched, gitlab(**push, CI_COMMIT_BEFORE_SHA=NO_COMMIT)) == ["connectors/a", "other/c"]
    branched.git("switch", "--quiet", "main")
    main = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
    assert touched(branched, gitlab(**main, CI_COMMIT_BEFORE_SHA=NO_COMMIT)) == ALL
    assert touched(branched, gitlab(**main, CI_COMMIT_BEFORE_SHA=branched.git("rev-parse", "HEAD~1"))) == [ALL[1]]


@pytest.mark.parametrize("source", ["schedule", "web", "api", "trigger", "pipeline"])
def test_gitlab_without_a_change(branched: Repository, source: str) -> None:
    """Everything is verified, on every branch."""
    assert touched(branched, gitlab(CI_PIPELINE_SOURCE=source, CI_COMMIT_BRANCH="branch")) == ALL


@pytest.mark.parametrize(
    "environ",
    [
        {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1", "CI_COMMIT_BEFORE_SHA": NO_COMMIT},
        {"BITBUCKET_TAG": "v1"},
        {"TF_BUILD": "True", "BUILD_REASON": "Schedule", "BUILD_SOURCEBRANCH": "refs/heads/branch"},
        {"TF_BUILD": "True", "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/tags/v1"},
        {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "", "BUILDKITE_TAG": "v1"},
        {"BUILDKITE": "true", "BUILDKITE_SOURCE": "schedule"},
        {"JENKINS_URL": "http://ci", "TAG_NAME": "v1"},
    ],
)
def test_tags_and_schedules_elsewhere(branched: Repository, environ: dict[str, str]) -> None:
    """Everything is verified."""
    assert touched(branched, environ) == ALL


@pytest.mark.parametrize(
    "environ",
    [
        {"BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_PR_DESTINATION_BRANCH": "main"},
        {"TF_BUILD": "True", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"},
        {"BUILDKITE": "true", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"},
        {"JENKINS_URL": "http://ci", "CHANGE_TARGET": "main"},
        {"CI_PIPELINE_SOURCE": "external_pull_request_event", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME": "main"},
        {"TF_BUILD": "True", "BUILD_REASON": "IndividualCI"},
        {"CI": "true"},
    ],
)
def test_branches_elsewhere(branched: Repository, environ: dict[str, str]) -> None:
    """The branch's changes are verified; on main, where HEAD would be compared with itself, everything."""
    assert touched(branched, environ) == ["connectors/a"]
    branched.git("switch", "--quiet", "main")
    assert touched(branched, environ) == ALL


def test_jenkins_since_the_last_success(branched: Repository) -> None:
    """A branch is compared with its last successful build."""
    before = branched.git("rev-parse", "HEAD~1")
    assert touched(branched, {"GIT_PREVIOUS_SUCCESSFUL_COMMIT": before}) == ["connectors/a"]
    assert touched(branched, {"GIT_PREVIOUS_SUCCESSFUL_COMMIT": "1" * 40}) == ALL


def test_pre_commit(branched: Repository) -> None:
    """The hook's `--base HEAD` compares what pre-commit runs for: a commit, or the commits to be pushed."""
    main, head = (branched.git("rev-parse", name) for name in ("main", "HEAD"))
    pushed = {"PRE_COMMIT_FROM_REF": main, "PRE_COMMIT_TO_REF": head, "PRE_COMMIT_REMOTE_NAME": "origin"}
    assert touched(branched, pushed, base="HEAD") == ["connectors/a", "connectors/b"]
    assert touched(branched, {}, base="HEAD") == []
    assert touched(branched, {"PRE_COMMIT_REMOTE_NAME": "origin"}, base="HEAD") == ALL
    branched.git("switch", "--quiet", "main")
    with pytest.raises(UsageError, match=r"PRE_COMMIT_FROM_REF is about the commit .* not in what is checked out"):
        change(branched, pushed, base="HEAD")


def test_a_ci_system_without_a_main_branch(branched: Repository) -> None:
    """If there is no branch to compare with, everything is verified."""
    branched.git("branch", "--quiet", "-D", "main")
    branched.git("update-ref", "-d", "refs/remotes/origin/main")
    assert touched(branched, {"CI": "true"}) == ALL
