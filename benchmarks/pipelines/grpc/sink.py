"""A bare grpcio server that decodes what it receives: sink.py CODEC."""

import sys
from concurrent.futures import ThreadPoolExecutor

import bson
import grpc
import orjson

from dsync_kit.protocol import SERVICE_NAME, WriteDataRequest, WriteDataResponse

decode = {"json": orjson.loads, "bson": bson.decode}[sys.argv[1]]


def write_data(request: WriteDataRequest, context: grpc.ServicerContext) -> WriteDataResponse:
    """Decode each document, and forget it."""
    for document in request.data:
        decode(document)
    return WriteDataResponse()


handler = grpc.unary_unary_rpc_method_handler(
    write_data, WriteDataRequest.FromString, WriteDataResponse.SerializeToString
)
server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", -1)])
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE_NAME, {"WriteData": handler})])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
