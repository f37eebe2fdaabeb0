"""Somebody else's documents in an offered namespace: the kit never deletes them."""

from typing import Any

import pytest

from dsync_kit.documents import decode_id
from dsync_kit.protocol import UPDATE_TYPE_DELETE

from .fault import Variant, judge
from .variants_namespaces import GIVEN, FullBeforehand


class Guarded(FullBeforehand):
    """Refuses to delete what was there before."""

    def changes(self, request: Any, parts: Any) -> Any:
        for update in request.updates:
            if update.type == UPDATE_TYPE_DELETE and str(decode_id(update.id[0])).startswith("own-"):
                raise AssertionError(f"somebody else's document {decode_id(update.id[0])} should be deleted")
        return super().changes(request, parts)


@pytest.mark.parametrize("rule", ["list/page-boundaries", "list/stable-while-written", "metadata/count"])
def test_only_the_kits_documents_are_deleted(rule: str) -> None:
    """Rules that delete what they find in a listing leave other people's documents alone, and reach a verdict."""
    result = judge(Variant("guarded", Guarded, "", "local", namespaces=GIVEN), [rule])
    (outcome,) = result.outcomes
    assert outcome.failure is None, outcome.failure
    assert outcome.status.value == "passed"
    assert not [note for note in result.notes if "gone" in note]
