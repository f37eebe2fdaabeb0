"""Ports on loopback."""

import socket
from contextlib import ExitStack

__all__ = ["accepts_connections", "free_ports"]


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports of 127.0.0.1 on which nothing listens.

    Another process may take one before you do: if a server does not start, try again with other ports.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def accepts_connections(port: int) -> bool:
    """Whether something listens on this TCP port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
