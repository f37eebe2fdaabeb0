"""The generated section of a connector's README, written from the connector itself."""
