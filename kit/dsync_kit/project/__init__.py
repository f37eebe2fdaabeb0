"""What a connector's pyproject.toml declares; imports nothing heavy."""
