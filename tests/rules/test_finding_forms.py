"""Finding a schema from documents with forms that nothing else shows: all that is drawn is accepted."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import bson
import pytest
from bson import DatetimeMS
from bson.codec_options import CodecOptions, DatetimeConversion
from hypothesis import given, settings

from dsync_kit.conformance.documents.filling import Filling
from dsync_kit.conformance.documents.finding.attempts import Answer
from dsync_kit.conformance.documents.finding.probing import MOST_CALLS, SchemaFinding, probed
from dsync_kit.conformance.documents.schema.document_schema import DocumentSchema
from dsync_kit.documents import decode, encode
from dsync_kit.protocol import DATA_TYPE_JSON_ID as JSON
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON

_DAY = 86_400_000
_DATES: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


class Store:
    """Keeps documents with the required and optional fields whose values, and id, fit; `refuses` says what else is
    wrong."""

    def __init__(
        self,
        fits: Mapping[str, Callable[[Any], bool]],
        *,
        optional: tuple[str, ...] = (),
        refuses: Callable[[Mapping[str, Any]], str] = lambda _: "",
    ) -> None:
        self.fits, self.optional, self.refuses = fits, optional, refuses
        self.there: dict[str, Mapping[str, Any]] = {}

    def __call__(self, document: Mapping[str, Any]) -> Answer:
        if missing := [name for name in self.fits if name not in document and name not in self.optional]:
            return Answer(refusal=f"field {missing[0]} is missing")
        for name, value in document.items():
            if name not in self.fits:
                return Answer(refusal=f"no field is called {name}")
            if not self.fits[name](value):
                return Answer(refusal=f"{name} has another form")
        if reason := self.refuses(document):
            return Answer(refusal=reason)
        self.there[repr(next(iter(document.values())))] = document
        return Answer(back=document)

    def found(self, rows: list[dict[str, Any]], kind: Any = BSON) -> DocumentSchema:
        """The schema that is found when these documents are there; all that is drawn from it is accepted."""
        for row in rows:
            assert not self(row).refusal
        finding: SchemaFinding = probed(self, kind, documents=[encode(row, kind) for row in rows])
        assert finding.schema is not None, finding.notes
        assert finding.calls < MOST_CALLS
        filling = Filling(finding.schema)

        @settings(max_examples=25, deadline=None, database=None, derandomize=True)
        @given(filling.pages(min_size=1, max_size=4))
        def accepts(page: list[bytes]) -> None:
            for document in page:
                answer = self(bson.decode(document, _DATES) if kind == BSON else decode(document, kind))
                assert not answer.refusal, (answer.refusal, document)

        accepts()
        return finding.schema


def text(form: str) -> Callable[[Any], bool]:
    """Whether a value is a text of this form."""
    return lambda value: isinstance(value, str) and re.fullmatch(form, value) is not None


def test_texts_in_upper_case() -> None:
    """Columns of upper-case texts have ids and texts of more than one character, up to their length."""
    cards = Store(
        {
            "id": text("[A-Z0-9]{1,10}"),
            "title": text(r"[!-`{-~]([ -`{-~]{0,28}[!-`{-~])?"),
            "town": text(r"[A-Z]([A-Z ]{0,18}[A-Z])?"),
            "size": text("[0-9]{1,7}"),
        },
        optional=("town",),
    )
    rows = [
        {"id": f"P{n:05}", "title": f'PART NO. {n} / "A"', "size": f"{n}", **({"town": "KOELN"} if n % 3 else {})}
        for n in range(100)
    ]
    schema = cards.found(rows, JSON)
    assert schema.fields["title"].max_length == 20


def test_codes_of_another_table() -> None:
    """A foreign key has the form of a code, and only accepts the codes that the other table has: its first ones."""
    companies = [f"CMP{n:03}" for n in range(1, 13)]
    contacts = Store(
        {
            "_id": lambda value: type(value) is bson.Int64,
            "company": lambda value: value in companies,
            "name": lambda value: isinstance(value, str),
        }
    )
    rows = [{"_id": bson.Int64(n), "company": companies[n % 12], "name": f"name {n}"} for n in range(60)]
    assert set(contacts.found(rows).fields["company"].enum or ()) <= set(companies)


def test_whole_seconds_of_some_centuries() -> None:
    """Dates far from the existing ones may be out of range: that does not limit a column to the existing dates."""
    least, most = -8_520_336_000_000, 7_289_654_400_000  # the years 1700 to 2200
    events = Store(
        {
            "_id": lambda value: type(value) is bson.Int64,
            "at": lambda value: isinstance(value, DatetimeMS) and int(value) % 1000 == 0 and least <= int(value) < most,
        }
    )
    rows = [{"_id": bson.Int64(n), "at": DatetimeMS(1_750_000_000_000 + 1000 * n)} for n in range(60)]
    for row in rows:
        events(row)
    finding = probed(events, BSON, documents=[encode(row, BSON) for row in rows])
    assert finding.schema is not None
    assert finding.schema.fields["at"].enum is None


class Upserts(Store):
    """A row with the address of another one overwrites that one: its own id is nowhere."""

    def __call__(self, document: Mapping[str, Any]) -> Answer:
        other = next((one for one in self.there.values() if one["mail"] == document.get("mail")), None)
        if other is None or other["_id"] == document["_id"]:
            return super().__call__(document)
        answer = super().__call__({**document, "_id": other["_id"]})
        return answer if answer.refusal else Answer()


def test_a_document_that_overwrites_another_one_shares_a_value_with_it() -> None:
    """A document like an existing one is lost, since it has a value that no two may share; one with another is kept."""
    users = Upserts(
        {
            "_id": text("[a-z0-9]{1,20}"),
            "mail": lambda value: isinstance(value, str),
            "plan": lambda value: value in ("free", "pro"),
        }
    )
    rows = [{"_id": f"user{n:03}", "mail": f"user{n}@example.org", "plan": ("free", "pro")[n % 2]} for n in range(40)]
    assert users.found(rows).fields["mail"].unique


@pytest.mark.parametrize(
    "mails", [[f"user{n}@example.org" for n in range(40)], ["ann@example.org", "bob@post.de", "jo@example.com"]]
)
def test_a_unique_column_whose_texts_have_a_form(mails: list[str]) -> None:
    """Of a unique e-mail address, others are made that look like the existing ones."""
    people = Store(
        {
            "_id": lambda value: type(value) is int and 0 <= value < 10**6,
            "email": text(r"[a-z0-9]+@[a-z]+\.[a-z]{2,3}"),
            "region": lambda value: value in ("DE", "FR"),
        },
        refuses=lambda document: next(
            (
                "UNIQUE constraint failed: people.email"
                for other in people.there.values()
                if other["email"] == document["email"] and other["_id"] != document["_id"]
            ),
            "",
        ),
    )
    rows = [{"_id": 11 * n, "email": mail, "region": ("DE", "FR")[n % 2]} for n, mail in enumerate(mails)]
    schema = people.found(rows)
    assert schema.fields["email"].unique
    assert schema.fields["region"].enum == ["DE", "FR"]


def test_days_and_doubles_in_arrays() -> None:
    """Ids are dates without a time, of some years, and an array has finite doubles."""
    days = Store(
        {
            "_id": lambda value: int(value) % _DAY == 0 and 0 <= int(value) < 2**42,
            "sums": lambda value: isinstance(value, list) and all(abs(item) <= 1e9 for item in value),
        }
    )
    schema = days.found([{"_id": DatetimeMS((19_000 + n) * _DAY), "sums": [1.5, -0.5][: n % 3]} for n in range(20)])
    assert schema.identifier.multiple_of == _DAY
    assert schema.fields["sums"].items is not None
    assert schema.fields["sums"].items.maximum == 10**6


def test_a_field_that_only_some_documents_may_have() -> None:
    """It is there exactly if another field has one value, and is never null: then documents are drawn without it."""
    orders = Store(
        {
            "id": text(r"ORD-\d{6}"),
            "state": lambda value: value in ("new", "paid", "shipped"),
            "shipped": text(r"20\d\d-\d\d-\d\d"),
        },
        optional=("shipped",),
        refuses=lambda document: (
            "" if ("shipped" in document) == (document["state"] == "shipped") else "only what is shipped has a date"
        ),
    )
    rows = [
        {"id": f"ORD-{n:06}", "state": state, **({"shipped": "2024-05-06"} if state == "shipped" else {})}
        for n, state in enumerate(["paid", "shipped", "new"] * 3)
    ]
    schema = orders.found(rows, JSON)
    assert schema.fields.keys() == {"state"}
    assert schema.fields["state"].enum == ["paid", "new"]


def test_a_missing_field_that_is_called_like_a_common_word() -> None:
    """A refusal that says `field name is missing` names the field, in an empty table, too."""
    table = Store({"_id": lambda value: isinstance(value, str), "name": text(".+"), "values": text(".*")})
    assert table.found([]).fields.keys() == {"name", "values"}
