"""Plain values, which the reports read: rules, outcomes, events, profiles."""
