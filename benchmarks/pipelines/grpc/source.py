"""A bare grpcio server that lists the benchmark's records, encoded on request: source.py CODEC."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bson
import grpc
import orjson

from dsync_kit.protocol import SERVICE_NAME, ListDataRequest, ListDataResponse

sys.path.append(str(Path(__file__).parents[1]))
from records import record

PAGE = 1000


key, encode = {"json": ("id", orjson.dumps), "bson": ("_id", bson.encode)}[sys.argv[1]]


def list_data(request: ListDataRequest, context: grpc.ServicerContext) -> ListDataResponse:
    """One page of the range that the cursor names."""
    start, end = map(int, (request.cursor or request.partition.cursor).split(b" "))
    stop = min(start + PAGE, end)
    return ListDataResponse(
        data=[encode(record(number, key)) for number in range(start, stop)],
        next_cursor=b"%d %d" % (stop, end) if stop < end else b"",
    )


handler = grpc.unary_unary_rpc_method_handler(list_data, ListDataRequest.FromString, ListDataResponse.SerializeToString)
server = grpc.server(ThreadPoolExecutor(32))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE_NAME, {"ListData": handler})])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
