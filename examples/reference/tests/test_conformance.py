"""The rules of the conformance kit, each a test."""

from dsync_kit.pytest_plugin import conformance_tests

test_conformance = conformance_tests(__file__)
