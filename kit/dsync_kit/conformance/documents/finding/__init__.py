"""A document schema that nobody declared: suggested by documents, and probed by what is refused."""
