"""What is in a namespace that the user offers is there after the run."""

from dsync_kit.client import LocalClient
from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.subject.subject import Subject
from dsync_kit.documents import decode, encode, encode_id
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON as BSON
from dsync_kit.protocol import UPDATE_TYPE_DELETE, Update
from dsync_kit.targets.target import OpenTarget

from .fault import REFERENCE, SETTINGS


def test_what_was_there_before_and_is_gone_is_written_again() -> None:
    """As far as it is gone: the others are left as they are, and what was not there before is named."""
    client = LocalClient(REFERENCE.ReferenceConnector(SETTINGS.Settings.parse(["reference://"], {})[0]))
    driver = Driver(client)
    driver.write_data("offered", [encode({"_id": name, "n": 1}, BSON) for name in ("deleted", "changed")], BSON)
    subject = Subject.of(OpenTarget(title="reference", api=client), ["offered"])
    subject.settle("offered")
    driver.write_updates("offered", [Update(type=UPDATE_TYPE_DELETE, id=[encode_id("deleted")])], BSON)
    driver.write_data("offered", [encode({"_id": name, "n": 2}, BSON) for name in ("changed", "new")], BSON)
    subject.clear()
    listed = {decode(found, BSON)["_id"]: decode(found, BSON)["n"] for _, found in driver.listing(["offered"], BSON)}
    assert listed == {"deleted": 1, "changed": 2, "new": 2}
    assert subject.remembered.put_back == {"offered": 1}
    assert subject.remembered.remains == {"offered": "1 documents are there that were not there before"}
