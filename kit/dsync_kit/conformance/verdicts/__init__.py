"""What a namespace should hold, how its contents differ, and which rule is to blame."""
