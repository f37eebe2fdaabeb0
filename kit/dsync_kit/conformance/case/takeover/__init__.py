"""One process of a connector takes over from another: after a kill, or from an earlier version."""
