"""Plain values that reports read: rules, outcomes, events, profiles."""
