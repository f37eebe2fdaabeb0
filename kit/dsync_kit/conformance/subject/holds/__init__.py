"""What a connector's namespaces hold, declared or found out."""
