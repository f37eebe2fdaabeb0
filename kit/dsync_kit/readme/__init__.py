"""What a connector's README says of it, written from the connector itself."""
