"""StreamUpdates: the namespaces whose updates arrive."""

from collections.abc import Callable

from hypothesis import strategies as st

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.following import Follower
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.results.rule_info import Level, Need
from dsync_kit.conformance.rules.stream.conditions import ARRIVES, LIVE

__all__ = ["RULES"]


@rule(
    "stream/namespaces",
    "otherwise only those that it names (the client lets others through)",
    needs=(*LIVE, Need.TWO_NAMESPACES),
    hint="StreamUpdates ignores the request's namespaces",
    after=(*ARRIVES, "stream/namespace-named"),
    examples=0.5,
)
def namespaces(case: Case) -> None:
    """A stream of one namespace has all updates of that namespace, and no others."""
    scene = Scene(case)
    (asked,) = scene.namespaces
    live = case.draw(st.booleans(), "stream opened before the writes")
    follower = scene.follow() if live else None
    others = scene.add_alike(asked, "other")
    for name in (*others, asked, *others):
        scene.change(name, [scene.overwrite(value, name[-6:]) for value in scene.ids])
    scene.mark()
    wanted = scene.wanted()
    follower = follower or scene.follow()
    _of_none_but(case, follower, [asked], lambda: follower.converge({asked: wanted[asked]}))


@rule(
    "stream/namespaces-apart",
    "otherwise only those that it names",
    needs=(*LIVE, Need.TWO_NAMESPACES, Need.MULTI_NAMESPACE_PLAN),
    hint="updates of one namespace are sent in a message of another, or only the first requested namespace is streamed",
    after=(*ARRIVES, "stream/namespaces"),
    examples=0.5,
)
def namespaces_apart(case: Case) -> None:
    """A stream of several namespaces has the updates of each under its name, in whatever order they are requested."""
    scene = Scene(case, namespaces=2)
    for name, call in scene.history(max_calls=5):
        scene.change(name, call)
    scene.mark()
    follower = scene.follow(namespaces=scene.asked[::-1])
    _of_none_but(case, follower, scene.asked, lambda: follower.converge(scene.wanted()))


@rule(
    "stream/all-namespaces",
    "streams every namespace if the request names none",
    needs=(*LIVE, Need.TWO_NAMESPACES, Need.DEFAULT_PLAN),
    hint="a stream without namespaces has no updates, or only those of one namespace",
    after=ARRIVES,
    examples=0.33,
)
def all_namespaces(case: Case) -> None:
    """A stream without namespaces has the updates of all namespaces."""
    scene = Scene(case, namespaces=2, everything=True)
    for name, call in scene.history(max_calls=4):
        scene.change(name, call)
    scene.mark()
    scene.follow().converge(scene.wanted(), what="a stream without namespaces")


@rule(
    "stream/new-namespace",
    "streams every namespace if the request names none",
    level=Level.SHOULD,
    needs=(*LIVE, Need.TWO_NAMESPACES, Need.DEFAULT_PLAN),
    hint="the plan fixes the namespaces to stream",
    after=(*ARRIVES, "stream/all-namespaces"),
    examples=0.1,
)
def new_namespace(case: Case) -> None:
    """A stream without namespaces also has the updates of namespaces created after the plan."""
    if not case.found.makes_namespaces:
        raise case.does_not_apply("it does not create namespaces")
    scene = Scene(case, everything=True)
    follower = scene.follow()
    scene.add()
    scene.mark()
    follower.converge(scene.wanted(), what="a namespace created after the plan")


def _of_none_but(case: Case, follower: Follower, asked: list[str], read: Callable[[], None]) -> None:
    read()
    strangers = sorted({name for name, _ in follower.updates} - set(asked))
    case.check(
        not strangers,
        "the stream has updates of a namespace that was not requested",
        expected=f"updates of {asked}",
        seen=f"updates of {strangers}",
        owner="stream/namespaces",
    )


RULES = (namespaces, namespaces_apart, all_namespaces, new_namespace)
