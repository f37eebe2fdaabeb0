"""GetInfo's id, by which dsync knows whose state it has, differs for different data.

These rules run last: a `conformance.py` that always uses the same place takes it away from the running tests.
"""

import time

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.case.scenes import Scene
from dsync_kit.conformance.results.outcome import KitError
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import by_id
from dsync_kit.protocol import GetInfoRequest
from dsync_kit.usage import TargetError

__all__ = ["RULES"]

_ONCE = 0.04
_AHEAD = 50


@rule(
    "identity/other-data",
    "`id` … must be the same after a restart, and different for different data.",
    needs=(Need.OTHER_DATA, Need.LOADING, Need.LISTING),
    hint="the id is constant, or names only the server: dsync would resume with the state of other data",
    after=("info/stable",),
    examples=_ONCE,
)
def other_data(case: Case) -> None:
    """On another scratch area, the connector has a different id, or none."""
    first = case.api.get_info(GetInfoRequest()).id
    if not first:
        raise case.decline("it gives no id")
    driver = _other_data(case)
    second = driver.api.get_info(GetInfoRequest()).id
    case.check(
        first != second, "other data has the same id", expected=f"no id, or one other than {first!r}", seen=repr(second)
    )


@rule(
    "identity/other-cursor",
    "streaming from it again gives every later update (at least once), so nothing is lost",
    needs=(Need.OTHER_DATA, Need.UPDATES, Need.LOADING, Need.CHANGING, Need.LISTING, Need.SINK),
    hint="the cursor holds a position, but does not name its data: add that, and refuse cursors of other data",
    after=("stream/opens", "stream/inserts", "identity/other-data"),
    examples=_ONCE,
)
def other_cursor(case: Case) -> None:
    """An update cursor of other data is refused, or later updates still arrive."""
    scene = Scene(case)
    (name,) = scene.namespaces
    # Beyond the end of the other data: there, this position is reached much later.
    for number in range(_AHEAD):
        scene.write(name, [scene.document(value, number) for value in scene.ids])
    cursor = scene.plan()
    driver = _other_data(case)
    patience = case.subject.patience.seconds
    with driver.stream_updates(cursor, [name], scene.data_type) as stream:
        driver.write_data(name, [scene.document(scene.ids[0], "there")], scene.data_type)
        end = time.monotonic() + patience
        while (message := stream.next(max(0.0, end - time.monotonic()))) is not None:
            if message.updates:
                case.checks += 1
                return
        case.check(
            stream.error is not None and not stream.error.retryable,
            "an update cursor of other data is accepted, and later updates do not arrive",
            expected="FAILED_PRECONDITION, INVALID_ARGUMENT or OUT_OF_RANGE",
            seen=stream.error or f"no update within {patience:.0f} seconds",
        )


def _other_data(case: Case) -> Driver:
    """The connector on another scratch area. Raises Inapplicable if there is none."""
    namespace, model = case.loaded(min_size=1, small=True)
    elsewhere = case.subject.target.elsewhere
    if elsewhere is None:
        raise KitError("its conformance.py is not known")
    try:
        other = case.enter(elsewhere())
    except TargetError as error:
        raise case.decline(f"its conformance.py cannot start a second time beside the first: {error}") from error
    driver = case.others.at(other, "on another scratch area", same_data=False)
    listed = case.subject.data.read(namespace, model.data_type, driver=driver)
    if not model.documents.keys().isdisjoint(by_id(listed, model.data_type)):
        raise case.decline("its conformance.py starts on the same data a second time")
    return driver


RULES = (other_data, other_cursor)
