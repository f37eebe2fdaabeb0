"""The conformance kit: the rules, and what runs them against a connector."""
