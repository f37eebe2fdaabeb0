"""The rules on outages find what is broken, each its own."""

import pytest

from .fault import Fault
from .faults_faults import FAULTS
from .finding import assert_found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_connector_is_found_by_its_rule(fault: Fault) -> None:
    """The rule that the fault names fails, for no other reason than this fault."""
    assert_found(fault)
