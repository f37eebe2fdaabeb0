"""The log of a namespace: names, indexes, pages that are added."""
