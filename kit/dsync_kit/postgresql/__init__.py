"""The parts of a connector for PostgreSQL: rows as documents, and logical replication."""
