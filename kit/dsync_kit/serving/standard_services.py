"""gRPC's standard services beside the connector's: health and reflection."""

import threading
from collections.abc import Sequence
from typing import Any, cast

import grpc

__all__ = ["StandardServices"]

_HEALTH = "/grpc.health.v1.Health/"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/"


class _Collected(list[grpc.GenericRpcHandler]):
    """Collects handlers in place of a `grpc.Server`."""

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self.extend(handlers)

    def add_registered_method_handlers(self, *_: object) -> None:
        """Ignore it: these are the same handlers again, for a server that has not started."""

    def find(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        found = (handler.service(details) for handler in self)
        return next((method for method in found if method is not None), None)


class StandardServices(grpc.GenericRpcHandler):
    """Health and reflection for `services`. Each is imported at its first call: dsync calls neither, and importing them
    would take a quarter of a server's start-up time."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._loaded: dict[str, _Collected] = {}
        self._health: Any = None
        self._watching: list[grpc.ServicerContext] = []
        self._stopping = False

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """The called method's handler if it belongs to one of these services."""
        for prefix, load in ((_HEALTH, self._load_health), (_REFLECTION, self._load_reflection)):
            if handler_call_details.method.startswith(prefix):
                with self._lock:
                    if prefix not in self._loaded:
                        self._loaded[prefix] = load()
                return self._loaded[prefix].find(handler_call_details)
        return None

    def stop(self) -> None:
        """Answer NOT_SERVING from now on."""
        with self._lock:
            self._stopping = True
            if self._health is not None:
                self._health.enter_graceful_shutdown()

    def close(self) -> None:
        """End the streams on health: their callers, who wait for a change, would never end them."""
        for context in tuple(self._watching):
            context.cancel()

    def _load_health(self) -> _Collected:
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc

        watching = self._watching

        class Health(health.HealthServicer):
            def Watch(self, request: Any, context: grpc.ServicerContext, *rest: Any) -> Any:  # noqa: N802
                watching.append(context)
                context.add_callback(lambda: watching.remove(context))
                return super().Watch(request, context, *rest)

        self._health = Health()
        for service in ("", *self._services):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        if self._stopping:
            self._health.enter_graceful_shutdown()
        collected = _Collected()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, cast("grpc.Server", collected))
        return collected

    def _load_reflection(self) -> _Collected:
        from grpc_health.v1 import health
        from grpc_reflection.v1alpha import reflection

        collected = _Collected()
        names = (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, cast("grpc.Server", collected))
        return collected
