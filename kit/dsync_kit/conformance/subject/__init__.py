"""The connector under judgement: what it declares, and what was found out about it."""
