"""What the namespaces of a connector hold: declared, or found out."""
