"""What should be there, how what is there differs from it, and which rule is to blame."""
