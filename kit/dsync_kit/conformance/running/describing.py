"""Describes the connector when a run begins, and what was noticed about it when the run ends."""

from collections.abc import Sequence

from dsync_kit.conformance.results.events import ConnectorOption, RunStarted
from dsync_kit.conformance.results.outcome import Finding
from dsync_kit.conformance.results.terms import Terms
from dsync_kit.conformance.running.assumed import assumed_schemas
from dsync_kit.conformance.running.options import RunOptions
from dsync_kit.conformance.subject.remembered import MOST_REMAINS
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.protocol.names import type_name

__all__ = ["final_notes", "left_behind", "run_started"]

_SLOW_SECONDS = 0.01
"""From this average on, a call is slow enough for the report to say so."""


def run_started(subject: Subject, options: RunOptions, terms: Terms) -> RunStarted:
    """What is known before any rule has run."""
    return RunStarted(
        target=subject.target.title,
        db_type=subject.declared.info.db_type,
        version=subject.declared.info.version,
        capabilities=_capabilities(subject),
        seed=options.seed,
        profile=options.profile.name,
        rules=options.rules,
        notes=subject.notes,
        terms=terms,
        documents=assumed_schemas(subject),
        connector_options=_connector_options(subject),
        fills_up=subject.fills_up,
        shares=subject.shares,
        lag=subject.settling.seconds,
    )


def final_notes(subject: Subject, findings: Sequence[Finding]) -> tuple[str, ...]:
    """What was found out about the connector."""
    return (*subject.notes, *_slow(subject, findings))


def left_behind(subject: Subject) -> tuple[str, ...]:
    """Which of the kit's data could not be removed, and which documents of others were lost and written again."""
    return (*_remains(subject), *_put_back(subject))


def _connector_options(subject: Subject) -> tuple[ConnectorOption, ...]:
    settings = subject.target.settings
    return tuple(
        ConnectorOption(
            option.flag,
            option.metavar or "",
            option.help,
            (option.default or "") if not option.secret else "",
            option.required,
            option.env,
        )
        for option in (settings.options() if settings is not None else ())
    )


def _capabilities(subject: Subject) -> tuple[str, ...]:
    found = []
    source = subject.declared.info.capabilities.source
    for name, present, types in (
        ("source", subject.declared.is_source, source.supported_data_types),
        ("sink", subject.declared.is_sink, subject.declared.info.capabilities.sink.supported_data_types),
    ):
        if present:
            names = ", ".join(type_name(kind) for kind in types)
            found.append(f"{name} ({names})")
    if subject.found.plans_updates:
        found.append("updates")
    found += [
        name for name in ("lsn_stream", "multi_namespace_plan", "default_plan", "get_by_ids") if getattr(source, name)
    ]
    return tuple(found)


def _slow(subject: Subject, findings: Sequence[Finding]) -> list[str]:
    """Why rules had fewer examples, if it is because of the connector."""
    seconds = subject.place.call_seconds
    if seconds < _SLOW_SECONDS or not any(finding.wanted for finding in findings):
        return []
    return [f"a call takes {seconds * 1000:.0f} ms on average: a longer profile has more examples of each rule"]


def _put_back(subject: Subject) -> list[str]:
    return [
        f"{name}: of the documents that were there before, {count:,} had gone at the end, and the kit has written "
        f"{'it' if count == 1 else 'them'} again"
        for name, count in subject.remembered.put_back.items()
    ]


def _remains(subject: Subject) -> list[str]:
    remains = subject.remembered.remains
    if not remains or subject.disposable:
        return []
    name, reason = next(iter(remains.items()))
    more = " or more" if len(remains) == MOST_REMAINS else ""
    return [f"the kit could not empty {len(remains)}{more} namespaces that it wrote to, {name!r} first ({reason})"]
