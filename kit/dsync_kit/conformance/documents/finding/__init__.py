"""Finds a document schema that nobody declared, from existing documents and from refusals."""
