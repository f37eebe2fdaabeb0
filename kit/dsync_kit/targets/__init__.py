"""The targets that a user can name, each opened as something that answers the RPCs."""
