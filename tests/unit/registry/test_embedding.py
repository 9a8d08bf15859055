"""Who may put a card of a program below a post: rules without a database."""

import pytest

from lutong_contracts.feed import PostPublished
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.decisions import discover
from lutong_registry.discovery.domain.evidence import Listing
from lutong_registry.embedding.domain import Author, EmbeddedBy, Embedding

OWNER = Author("news", merchant_id="gov")
LINKED = Author("ann", merchant_id="shop", program_ids=frozenset({"fund"}))
PERMITTED = Author("bo", permitted=frozenset({"fund"}))
AUTHORS = {author.account_id: author for author in (OWNER, LINKED, PERMITTED)}


def an_embedding(embedded_by: EmbeddedBy) -> Embedding:
    return Embedding({"fund": embedded_by}, AUTHORS)


@pytest.mark.parametrize(
    ("embedded_by", "allowed"),
    [
        ("public", {"news", "ann", "bo", "cy"}),
        ("permitted", {"news", "ann", "bo"}),
        ("owner", {"news", "ann"}),
    ],
)
def test_the_owner_decides_and_its_accounts_always_may(embedded_by: EmbeddedBy, allowed: set[str]) -> None:
    embedding = an_embedding(embedded_by)
    assert {who for who in ("news", "ann", "bo", "cy") if embedding.is_allowed(who, "fund", "gov")} == allowed


def test_a_program_that_nobody_restricted_is_public() -> None:
    assert Embedding().is_allowed("cy", "fund", "gov")
    assert an_embedding("owner").is_allowed("cy", "other", "gov")


def test_a_permission_is_for_one_program_only() -> None:
    embedding = Embedding({"fund": "permitted", "tax": "permitted"}, AUTHORS)
    assert embedding.is_allowed("bo", "fund", "gov")
    assert not embedding.is_allowed("bo", "tax", "gov")


def test_an_author_without_permission_gets_no_card_for_their_choice() -> None:
    listing = Listing("fund", "gov", suspended=False, version=1, title="公积金提取", page="pages/fund")
    post = PostPublished(post_id="p", author_id="cy", text="公积金新政策", program_id="fund")
    outcome = discover(post, listing, [], an_embedding("owner"))
    assert outcome == ServiceNotFound(post_id="p", reason="not_permitted")
    ours = post.model_copy(update={"author_id": "news"})
    assert isinstance(discover(ours, listing, [], an_embedding("owner")), ServiceDiscovered)
