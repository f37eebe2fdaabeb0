"""What a command points at, as something that answers the RPCs."""
