"""The connector under test: what it declares, and what the kit found out about it."""
