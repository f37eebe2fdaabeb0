"""A destination of the Airbyte CDK that counts its records."""

import sys
from collections.abc import Iterable
from typing import Any

from airbyte_cdk.destinations import Destination
from airbyte_cdk.models import AirbyteConnectionStatus, AirbyteMessage, ConnectorSpecification, Status, Type


class Counter(Destination):
    received = 0

    def spec(self, *args: Any, **kwargs: Any) -> ConnectorSpecification:
        return ConnectorSpecification(connectionSpecification={"type": "object", "properties": {}})

    def check(self, logger: Any, config: Any) -> AirbyteConnectionStatus:
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def write(
        self, config: Any, configured_catalog: Any, input_messages: Iterable[AirbyteMessage]
    ) -> Iterable[AirbyteMessage]:
        for message in input_messages:
            if message.type is Type.RECORD:
                self.received += 1
            elif message.type is Type.STATE:
                yield message


if __name__ == "__main__":
    destination = Counter()
    destination.run(sys.argv[1:])
    print(f"received {destination.received}", file=sys.stderr)
