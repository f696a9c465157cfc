"""A proposal names both seats, so that every message about it finds its way back."""

from server.core.pool import Hint
from server.core.proposal import Declined, Proposal


def test_two_proposals_with_the_same_content_are_one() -> None:
    def proposal(match_id: str) -> Proposal:
        return Proposal(match_id, Hint(1, 2, "a"), Hint(3, 4, "b"), caller_leads=True, issued=5.0)

    assert Declined(proposal("m"), is_gone=True) == Declined(proposal("m"), is_gone=True)
    assert len({proposal("m"), proposal("m"), proposal("n")}) == 2
