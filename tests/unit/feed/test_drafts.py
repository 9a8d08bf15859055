"""Which drafts are kept, and what they become."""

from datetime import UTC, datetime, timedelta

import pytest

from lutong_feed.drafts.domain import AHEAD_MAX, DRAFTS_MAX, Draft, Known, why_not_kept

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def why(draft: Draft, known: Known | None = None) -> str | None:
    refusal = why_not_kept(draft, known or Known({"ann"}, set(), {}), NOW)
    return refusal.kind if refusal else None


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (Draft("ann", "d", "路通"), None),
        (Draft("bo", "d", "路通"), "not_found"),
        (Draft("ann", "d", "字" * 2_001), "too_long"),
        (Draft("ann", "d", "路通", publish_at=NOW), "not_ahead"),
        (Draft("ann", "d", "路通", publish_at=NOW + timedelta(microseconds=1)), None),
        (Draft("ann", "d", "路通", publish_at=NOW + AHEAD_MAX), None),
        (Draft("ann", "d", "路通", publish_at=NOW + AHEAD_MAX + timedelta(seconds=1)), "too_far_ahead"),
    ],
)
def test_a_draft_is_kept_or_not(draft: Draft, kind: str | None) -> None:
    assert why(draft) == kind


def test_an_id_of_a_post_is_taken() -> None:
    assert why(Draft("ann", "d", "路通"), Known({"ann"}, {"d"}, {})) == "post_exists"


def test_there_are_so_many_drafts_and_each_may_be_written_anew() -> None:
    known = Known({"ann"}, set(), {"ann": {f"d-{number}" for number in range(DRAFTS_MAX)}})
    assert why(Draft("ann", "new", "路通"), known) == "too_many_drafts"
    assert why(Draft("ann", "d-1", "路通"), known) is None


def test_a_repost_has_no_card_of_its_own() -> None:
    post = Draft("ann", "d", "转", program_id="g-1", parent_id="p-1").as_post
    assert (post.post_id, post.card, post.program_id, post.parent_id) == ("d", "none", None, "p-1")
    quote = Draft("ann", "d", "引", program_id="g-1", quote_id="p-1").as_post
    assert (quote.card, quote.program_id, quote.quote_id) == ("auto", "g-1", "p-1")
