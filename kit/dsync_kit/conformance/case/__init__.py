"""The API for authors of rules: a case, and its helpers."""
