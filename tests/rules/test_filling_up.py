"""Where nothing can be removed, each listing has all that the kit ever wrote: it writes much last, and lists little."""

from dataclasses import replace

from dsync_kit.client import LocalClient
from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.rule_info import Level, RuleInfo
from dsync_kit.conformance.running.execution import run_rule
from dsync_kit.conformance.running.order import in_order
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.errors import NotFound
from dsync_kit.protocol import (
    DATA_TYPE_MONGO_BSON,
    GetInfoRequest,
    GetInfoResponse,
    ListDataRequest,
    ListDataResponse,
    WriteDataRequest,
    WriteDataResponse,
)
from dsync_kit.targets.target import OpenTarget

from .fault import SETTINGS
from .variants_stores import CopiesOnly


class OneFile(CopiesOnly):
    """Copies only, BSON to a single namespace, and counts its listings."""

    listings = 0

    def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        info: GetInfoResponse = super().get_info(request)
        for end in (info.capabilities.source, info.capabilities.sink):
            end.supported_data_types[:] = [DATA_TYPE_MONGO_BSON]
        return info

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        if request.namespace != "offered":
            raise NotFound(f"no file {request.namespace!r}")
        return super().write_data(request)  # type: ignore[no-any-return]

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        self.listings += not request.cursor
        return super().list_data(request)  # type: ignore[no-any-return]


def test_an_example_takes_the_listing_of_the_one_before() -> None:
    """Nothing was written since, so what is already in the namespace is known: each example lists it once."""
    connector = OneFile(SETTINGS.Settings.parse(["reference://"], {})[0])
    subject = Subject.of(OpenTarget(title="one file", api=LocalClient(connector)), ("offered",), settle=0.0)

    def check(case: Case) -> None:
        namespace, model = case.loaded(min_size=1, small=True)
        case.expect(namespace, model)

    rule = Rule("test/rule", Level.MUST, "a sentence", check=check)
    before = connector.listings
    finding = run_rule(rule, subject, replace(PROFILES["quick"], seconds=60.0), seed=0, database=None)
    assert finding.status is Status.PASSED
    assert subject.fills_up
    partitions = len(subject.driver.partitions(["offered"]))
    assert connector.listings - before <= (finding.examples + 1) * partitions


def test_rules_that_write_much_come_last_where_nothing_can_be_removed() -> None:
    """Those that write least come first; the others, and everywhere else all, keep their order."""
    rules = [RuleInfo(f"a/{n}", Level.MUST, "", fills=fills) for n, fills in enumerate((0.0, 8.0, 0.1, 0.0))]
    assert [rule.id for rule in in_order(rules, fills_up=True)] == ["a/0", "a/3", "a/2", "a/1"]
    assert in_order(rules, fills_up=False) == rules
