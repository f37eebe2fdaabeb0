"""The user's git repository, and scratch repositories."""
