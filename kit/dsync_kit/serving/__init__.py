"""What a server is made of: which calls it lets in, and gRPC's own services beside the connector's."""
