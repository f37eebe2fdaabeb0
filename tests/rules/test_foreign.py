"""Offered namespaces: the kit removes whatever it wrote to them, and never deletes somebody else's documents."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from dsync_kit.conformance.case.case import Case
from dsync_kit.conformance.case.rule import Rule
from dsync_kit.conformance.documents.strategies import BSON, inserts
from dsync_kit.conformance.results.outcome import Status
from dsync_kit.conformance.results.profile import PROFILES
from dsync_kit.conformance.results.rule_info import Level
from dsync_kit.conformance.running.execution import run_rule
from dsync_kit.documents import decode_id
from dsync_kit.errors import InvalidArgument
from dsync_kit.protocol import (
    DATA_TYPE_UNKNOWN,
    UPDATE_TYPE_DELETE,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
)

from .fault import Variant, judge
from .test_found_out import client_of, subject_of
from .variants_namespaces import GIVEN, FullBeforehand


class Guarded(FullBeforehand):
    """Refuses to delete what was there before."""

    def changes(self, request: Any, parts: Any) -> Any:
        for update in request.updates:
            if update.type == UPDATE_TYPE_DELETE and str(decode_id(update.id[0])).startswith("own-"):
                raise AssertionError(f"somebody else's document {decode_id(update.id[0])} should be deleted")
        return super().changes(request, parts)


@pytest.mark.parametrize("rule", ["list/page-boundaries", "list/stable-while-written", "metadata/count"])
def test_only_the_kits_documents_are_deleted(rule: str) -> None:
    """Rules that delete what they find in a listing leave other people's documents alone, and reach a verdict."""
    result = judge(Variant("guarded", Guarded, "", "local", namespaces=GIVEN), [rule])
    (outcome,) = result.outcomes
    assert outcome.failure is None, outcome.failure
    assert outcome.status.value == "passed"
    assert not [note for note in result.notes if "gone" in note]


class Careless(FullBeforehand):
    """Writes a page document by document until one is malformed, and takes an unknown type for BSON."""

    def write_data(self, request: Any) -> WriteDataResponse:
        for document in request.data:
            one = WriteDataRequest(namespace=request.namespace, data=[document], type=request.type or BSON)
            super().write_data(one)
        return WriteDataResponse()


def _page(case: Case, namespace: str, documents: Sequence[bytes]) -> None:
    case.api.write_data(WriteDataRequest(namespace=namespace, data=documents, type=BSON))


def _call(case: Case, namespace: str, documents: Sequence[bytes]) -> None:
    updates = inserts(documents, BSON)
    case.api.write_updates(WriteUpdatesRequest(namespace=namespace, updates=updates, type=BSON))


def _by_another_instance(case: Case, namespace: str, documents: Sequence[bytes]) -> None:
    case.others.at(case.subject.api, "another instance").write_data(namespace, documents, BSON)


def _halfway(case: Case, namespace: str, documents: Sequence[bytes]) -> None:
    with suppress(InvalidArgument):
        case.driver.write_data(namespace, [*documents, b"odd"], BSON)


def _of_an_unknown_type(case: Case, namespace: str, documents: Sequence[bytes]) -> None:
    case.driver.write_data(namespace, documents, DATA_TYPE_UNKNOWN)


@pytest.mark.parametrize("write", [_page, _call, _by_another_instance, _halfway, _of_an_unknown_type])
def test_what_a_rule_writes_past_its_case_is_removed(write: Callable[[Case, str, Sequence[bytes]], None]) -> None:
    """However a rule sends documents, even in vain, the example counts them as its own, and they are gone at its end.

    The others, which were there before, are neither counted nor removed.
    """
    subject = subject_of(client_of(Careless), *GIVEN)
    before = subject.driver.listing(GIVEN, BSON)
    seen: list[int] = []

    def check(case: Case) -> None:
        namespace, documents = case.namespace(), case.numbered(3, BSON)
        write(case, namespace, documents)
        listed = case.read(namespace, BSON)
        seen.extend((len(listed), len(case.owned(namespace, listed, BSON))))
        case.checks += 1

    rule = Rule("test/rule", Level.MUST, "a sentence", hint="a hint", check=check)
    outcome = run_rule(rule, subject, replace(PROFILES["quick"], examples=1), seed=0, database=None)
    assert outcome.status is Status.PASSED
    assert set(seen) == {3}
    assert sorted(subject.driver.listing(GIVEN, BSON)) == sorted(before)
    assert not subject.remembered.remains


def test_a_document_whose_id_was_sent_in_vain_is_not_removed() -> None:
    """Its id is in a page that is refused as a whole: the document remains somebody else's, and stays."""
    subject = subject_of(client_of(FullBeforehand), *GIVEN)
    before = subject.driver.listing(GIVEN, BSON)

    def check(case: Case) -> None:
        namespace = case.namespace()
        theirs = next(document for name, document in before if name == namespace)
        with suppress(InvalidArgument):
            case.driver.write_data(namespace, [theirs, b"odd"], BSON)
        case.checks += 1

    rule = Rule("test/rule", Level.MUST, "a sentence", hint="a hint", check=check)
    outcome = run_rule(rule, subject, replace(PROFILES["quick"], examples=1), seed=0, database=None)
    assert outcome.status is Status.PASSED
    assert sorted(subject.driver.listing(GIVEN, BSON)) == sorted(before)
