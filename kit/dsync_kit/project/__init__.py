"""What a connector's pyproject.toml says of it; imports nothing heavy."""
