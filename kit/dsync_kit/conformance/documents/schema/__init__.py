"""The document schema: its model, its file format, and the values that it allows."""
