"""The violation for a status that the rule does not expect: which call was refused, which rule owns that, and why."""

import re
from collections.abc import Sequence

from grpc import StatusCode

from dsync_kit.conformance.calls.transcript import Call
from dsync_kit.conformance.results.evidence import Evidence
from dsync_kit.conformance.results.outcome import KitError, Violation
from dsync_kit.conformance.results.owners import Owner
from dsync_kit.errors import ConnectorError
from dsync_kit.protocol import (
    GeneratePlanRequest,
    GetByIdsRequest,
    ListDataRequest,
    StreamUpdatesRequest,
    WriteDataRequest,
    WriteUpdatesRequest,
)

__all__ = ["hint_of", "unexpected_error"]

_WRITES = (WriteDataRequest, WriteUpdatesRequest)
_READS = (ListDataRequest, StreamUpdatesRequest, GetByIdsRequest)
"""The calls that return documents."""

_FAILED = "the connector's log says why the call failed"
_REFUSED = "the answer says why the call was refused"
_UNLISTED = "the answer says what cannot be listed"
_NO_NAMESPACE = "the given namespace does not exist: create it beforehand, or correct its name"
_DECLARED = "or the declared schema allows what the store rightly refuses: then correct the schema"
_DELIBERATE = ("INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE")
"""The codes of a refusal that says itself what is wrong."""

_OF_REFUSALS = re.compile(r"\b(refuse|accept|error|fails|exception)")
"""Words of a hint that explains why a call is refused."""


def unexpected_error(calls: Sequence[Call], error: ConnectorError) -> Violation:
    """The violation for a status that a rule does not expect. Raises KitError if the error came from no call."""
    call = next((call for call in reversed(calls) if call.error is error), None)
    if call is None:
        read = next((made for made in reversed(calls) if isinstance(made.request, _READS)), None)
        if read is None:
            raise KitError(f"the kit rejected its own data: {error}") from error
        return Violation(
            f"{read.rpc.name} returned something that is not a document of its type",
            expected="documents of the requested type",
            seen=error.message,
            rests_on=Evidence.ANSWERS,
        )
    return Violation(
        f"{call.rpc.name} was refused with {error.code.name}",
        expected="OK",
        seen=f"{call.name} answered {error}",
        owner=_owner(call, error),
        refusal=f"{call.rpc.name} {error.code.name}",
    )


def hint_of(violation: Violation, hint: str, *, given: bool = False, declared: bool = False) -> str:
    """The hint of the rule, as far as it goes: if a call failed, the rule may not have come to what it is about.

    `given` says whether the namespaces were given to the kit, `declared` whether their schema was, too.
    """
    if not violation.refusal:
        return hint
    if given and violation.refusal == "WriteData NOT_FOUND":
        return _NO_NAMESPACE
    why = _why_refused(violation, hint)
    return f"{why}; {_DECLARED}" if declared and violation.refusal in _REFUSED_WRITES else why


_REFUSED_WRITES = {
    f"{call} {code}" for call in ("WriteData", "WriteUpdates") for code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION")
}


def _why_refused(violation: Violation, hint: str) -> str:
    why = _FAILED
    if violation.refusal.endswith(_DELIBERATE):
        listing = violation.refusal.startswith(ListDataRequest.DESCRIPTOR.name.removesuffix("Request"))
        if not listing and _OF_REFUSALS.search(hint):
            return hint
        why = _UNLISTED if listing else _REFUSED
    return f"{why}; if it works in other rules: {hint}" if hint else why


def _owner(call: Call, error: ConnectorError) -> str:
    if error.code is StatusCode.UNIMPLEMENTED:
        return Owner.DECLARED_SINK if isinstance(call.request, _WRITES) else Owner.DECLARED_SOURCE
    match call.request, error.code:
        case WriteDataRequest(), StatusCode.INVALID_ARGUMENT:
            return Owner.WRITE_ACCEPTS
        case GetByIdsRequest(), StatusCode.NOT_FOUND:
            return Owner.GET_BY_IDS_MISSING
        case GeneratePlanRequest(), _ if not call.request.namespaces:
            return Owner.PLAN_DEFAULT
    return ""
