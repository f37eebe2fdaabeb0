"""What is drawn: documents, ids and namespaces."""
