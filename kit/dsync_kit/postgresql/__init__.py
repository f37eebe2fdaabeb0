"""Logical replication of PostgreSQL: what its servers send, decoded, and the connection that it comes over."""
