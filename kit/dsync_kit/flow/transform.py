"""A `TransformService`: reshapes documents and updates between a source and a sink."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from dsync_kit.client import connects, from_rpc_error, open_channel
from dsync_kit.errors import ConnectorError, error_for
from dsync_kit.protocol import (
    TRANSFORM_SERVICE_NAME,
    DataType,
    GetTransformInfoRequest,
    GetTransformInfoResponse,
    GetTransformRequest,
    GetTransformResponse,
)

__all__ = ["TransformClient"]


class TransformClient:
    """A client of the transform at `address` (HOST:PORT). Its calls raise ConnectorError for a status other than OK."""

    def __init__(self, address: str, *, insecure: bool = False) -> None:
        self.address = address
        self._channel = open_channel(address, insecure=insecure)
        self._info = self._method("GetTransformInfo", GetTransformInfoRequest, GetTransformInfoResponse)
        self._transform = self._method("GetTransform", GetTransformRequest, GetTransformResponse)

    def wait_until_ready(self, seconds: float) -> bool:
        """Whether a connection is established within `seconds`."""
        return connects(self._channel, seconds)

    def types(self) -> dict[DataType, Sequence[DataType]]:
        """The types that it accepts, in its order; for each the types that it can return."""
        try:
            answer: GetTransformInfoResponse = _checked(self._info, GetTransformInfoRequest())
        except ConnectorError as error:
            message = f"GetTransformInfo of the transform at {self.address}: {error.message}"
            raise error_for(error.code, message) from None
        return {known.request_type: list(known.response_types) for known in answer.transforms}

    def transform(self, request: GetTransformRequest) -> GetTransformResponse:
        """Documents or updates of one namespace, reshaped."""
        return _checked(self._transform, request)

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _method(self, name: str, request: Any, response: Any) -> Callable[[Any], Any]:
        return self._channel.unary_unary(
            f"/{TRANSFORM_SERVICE_NAME}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )


def _checked(call: Callable[[Any], Any], request: object) -> Any:
    try:
        return call(request)
    except grpc.RpcError as error:
        raise from_rpc_error(error) from None
