"""A typed store with a foreign key, and rows that were there beforehand."""

# ruff: noqa: S608 - the names in the statements are those of the tables

from typing import Any

from dsync_kit.errors import FailedPrecondition

from .typed_connector import Row, TypedConnector
from .typed_database import Database
from .typed_tables import Column, Table

__all__ = ["CUSTOMERS", "INVOICES", "ReferringConnector"]

CUSTOMERS = Table("customers", (Column("code", "string", length=8),), (Column("name", "string", length=30),))

INVOICES = Table(
    "invoices",
    (Column("number", "long"),),
    (
        Column("customer", "string", nullable=True, members=("C001", "C002", "C003"), unchecked=True),
        Column("amount", "decimal", digits=(10, 2)),
    ),
)


class ReferringConnector(TypedConnector):
    """The customer of an invoice must be there; none that has invoices can be deleted."""

    tables = (INVOICES, CUSTOMERS)

    @classmethod
    def new_store(cls) -> Database:
        """A database with customers, and an invoice of each."""
        store = super().new_store()
        for number, (code, name) in enumerate((("C001", "Ada"), ("C002", "Grace"), ("C003", "Mary")), 1):
            store.query(f'INSERT INTO "{CUSTOMERS.name}" VALUES (?, ?, 0)', (code, name))
            store.query(f'INSERT INTO "{INVOICES.name}" VALUES (?, ?, ?, 0)', (number, code, f"{number}.50"))
        return store

    def put(self, table: Table, row: Row, kind: Any) -> None:
        customer = row["customer"] if table is INVOICES else None
        if customer is not None and self.find(CUSTOMERS, {"code": customer}) is None:
            raise FailedPrecondition(f"there is no customer {customer!r}")
        super().put(table, row, kind)

    def remove(self, table: Table, key: Row) -> None:
        if table is CUSTOMERS and self.select(INVOICES, 'WHERE "customer" = ?', [key["code"]]):
            raise FailedPrecondition(f"the customer {key['code']!r} has invoices")
        super().remove(table, key)
