"""The conformance kit: the rules, and what runs them over a connector."""
