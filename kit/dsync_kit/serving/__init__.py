"""The parts of a server: which calls it admits, and gRPC's standard services beside the connector's."""
