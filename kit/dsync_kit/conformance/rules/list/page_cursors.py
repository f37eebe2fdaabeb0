"""ListData: a page cursor that is abandoned, used much later, or used on another instance."""

import time

from dsync_kit.conformance.calls.driver import Driver, strip
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.large_namespaces import (
    declined_if_expired,
    listed_in_pages,
    some_partitions,
)
from dsync_kit.conformance.case.rule import rule
from dsync_kit.conformance.documents.keys import document_key
from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.conformance.results.rule_info import Need
from dsync_kit.conformance.verdicts.model import Model
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import DataType, Partition

__all__ = ["RULES"]

_PAUSE_SECONDS = 15.0
"""The longest pause between two pages: a slow sink may take as long to write one."""


@rule(
    "list/restart-mid-way",
    "the **whole partition**, from the empty cursor",
    needs=(Need.LISTING,),
    hint="an abandoned listing leaves its position behind",
    after=("list/repeatable",),
    examples=0.5,
    about=FeatureKind.SEVERAL_PAGES,
)
def restart_mid_way(case: Case) -> None:
    """A listing abandoned after a page can start again from the beginning."""
    namespace, data_type, expected = listed_in_pages(case)
    for partition in some_partitions(case, namespace):
        whole = case.driver.list_partition(partition, data_type, expected=expected)
        with declined_if_expired(case):
            next(case.driver.pages(partition, data_type, expected=expected))
        again = case.driver.list_partition(partition, data_type, expected=expected)
        Model.listed(data_type, whole).check(again, what="the listing after an abandoned one")
        case.checks += 1


@rule(
    "list/any-time",
    "Any time may pass between two pages.",
    needs=(Need.LISTING,),
    hint="a page cursor, or the transaction behind it, expires: answer with a code that dsync retries, such as ABORTED",
    after=("list/repeatable", "list/restart-mid-way"),
    examples=0.01,
    about=FeatureKind.SEVERAL_PAGES,
)
def any_time(case: Case) -> None:
    """A page cursor works after a pause, or is answered with a retryable code."""
    namespace, data_type, expected = listed_in_pages(case)
    for partition in some_partitions(case, namespace):
        first = case.driver.first_page(strip(partition), data_type)
        if first.next_cursor:
            break
    else:
        raise case.decline("each partition fits on one page")
    time.sleep(min(_PAUSE_SECONDS, 0.3 * case.bulk**2))
    try:
        rest = _rest(case.driver, partition, data_type, first.next_cursor)
    except ConnectorError as error:
        case.check(
            error.retryable,
            "after a pause, a page cursor gets a final code, and the partition is lost",
            expected="the next page, or a code that dsync retries",
            seen=error,
        )
        return
    whole = case.driver.list_partition(partition, data_type, expected=expected)
    Model.listed(data_type, whole).check([*first.data, *rest], what="a listing with a pause between its pages")
    case.checks += 1


@rule(
    "list/retryable-cursor",
    "A page cursor need not survive a restart, but then the answer should be retryable.",
    needs=(Need.LISTING, Need.ELSEWHERE),
    hint="another instance answers an unknown page cursor with a final code, and the partition is lost",
    after=(
        "list/complete",
        "plan/self-contained",
        "list/interleaved",
    ),
    examples=0.44,
    about=FeatureKind.SEVERAL_PAGES,
)
def retryable_cursor(case: Case) -> None:
    """A page cursor works on another instance, or is answered there with a retryable code."""
    namespace, data_type, expected = listed_in_pages(case)
    begun: list[tuple[Partition, bytes, list[bytes]]] = []
    for partition in some_partitions(case, namespace):
        with declined_if_expired(case):
            first = case.driver.page(strip(partition), data_type)
        if not first.next_cursor:
            continue
        seen = {document_key(document, data_type) for document in first.data}
        whole = case.driver.list_partition(partition, data_type, expected=expected)
        rest = [document for document in whole if document_key(document, data_type) not in seen]
        begun.append((partition, first.next_cursor, rest))
    if not begun:
        raise case.decline("each partition fits on one page")
    second = case.others.elsewhere()
    for partition, cursor, rest in begun:
        try:
            there = _rest(second, partition, data_type, cursor)
        except ConnectorError as error:
            case.check(
                error.retryable,
                "another instance answers a page cursor with a final code",
                expected="the next pages, or a retryable code",
                seen=error,
            )
            continue
        Model.listed(data_type, rest).check(there, what="the rest of a listing on another instance")
        case.checks += 1


def _rest(driver: Driver, partition: Partition, data_type: DataType, cursor: bytes) -> list[bytes]:
    """The documents of the pages that follow one; `cursor` is that page's next_cursor, or empty after the last."""
    if not cursor:
        return []
    return [document for page in driver.pages(partition, data_type, cursor=cursor) for document in page]


RULES = (
    restart_mid_way,
    any_time,
    retryable_cursor,
)
