"""Moves records from one bare grpcio server to the other, in four threads: drive.py COUNT SOURCE-PORT SINK-PORT."""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from dsync_kit.protocol import (
    DATA_TYPE_JSON_ID,
    SERVICE_NAME,
    ListDataRequest,
    ListDataResponse,
    Partition,
    WriteDataRequest,
    WriteDataResponse,
)

PARTS = 4
UNLIMITED = [("grpc.max_receive_message_length", -1)]
count = int(sys.argv[1])
source, sink = (grpc.insecure_channel(f"127.0.0.1:{port}", UNLIMITED) for port in sys.argv[2:])
list_data = source.unary_unary(
    f"/{SERVICE_NAME}/ListData", ListDataRequest.SerializeToString, ListDataResponse.FromString
)
write_data = sink.unary_unary(
    f"/{SERVICE_NAME}/WriteData", WriteDataRequest.SerializeToString, WriteDataResponse.FromString
)


def move(part: int) -> int:
    """Move one part of the records."""
    partition = Partition(namespace="records", cursor=b"%d %d" % (count * part // PARTS, count * (part + 1) // PARTS))
    moved, cursor = 0, b""
    while True:
        page = list_data(ListDataRequest(partition=partition, type=DATA_TYPE_JSON_ID, cursor=cursor))
        write_data(WriteDataRequest(namespace="records", data=page.data, type=DATA_TYPE_JSON_ID))
        moved += len(page.data)
        if not (cursor := page.next_cursor):
            return moved


with ThreadPoolExecutor(PARTS) as pool:
    print(f"received {sum(pool.map(move, range(PARTS)))}", file=sys.stderr)
