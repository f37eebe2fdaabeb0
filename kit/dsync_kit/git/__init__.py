"""Git: the user's own repository, and scratch ones that nobody's settings reach."""
