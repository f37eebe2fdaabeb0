"""What a namespace should hold, how its contents differ from that, and which rule is to blame."""
