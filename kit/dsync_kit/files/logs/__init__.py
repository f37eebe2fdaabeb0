"""The log of a namespace: names, indexes, and writing."""
