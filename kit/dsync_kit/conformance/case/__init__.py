"""What the author of a rule sees: a case, and what it is played with."""
