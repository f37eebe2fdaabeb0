"""How dsync calls a connector, and what was called."""
