"""Keeps examples in files: failures, known failures, and what explorers reached."""
