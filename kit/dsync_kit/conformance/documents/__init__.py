"""The data that rules draw: documents, ids and namespaces."""
