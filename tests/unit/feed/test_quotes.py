"""What may be quoted."""

from lutong_contracts.feed import PostPublished
from lutong_feed.apart.domain import Pair
from lutong_feed.domain import Refusal
from lutong_feed.publishing.domain import Above, quote_of, why_misplaced
from lutong_feed.reposts.domain import Place, Quote, quoting


def a_quote(**more: str) -> PostPublished:
    return PostPublished(post_id="q-1", author_id="bo", text="x", **{"quote_id": "p-1"} | more)


def test_a_post_that_stands_is_quoted() -> None:
    above = Above({"p-1": Place("p-1", 0, authors=("ann", "ann"))})
    assert quote_of(a_quote(), above) == Quote("q-1", "p-1")
    assert why_misplaced(a_quote(), above) is None


def test_a_post_that_quotes_nothing_is_no_quote() -> None:
    assert quote_of(PostPublished(post_id="q-1", author_id="bo", text="x"), Above({})) is None


def test_what_is_gone_itself_or_apart_is_not_quoted() -> None:
    gone, stands = Place("p-1", 0, deleted=True, authors=("ann", "ann")), Place("p-1", 0, authors=("ann", "ann"))
    assert refused(a_quote(), Above({"p-1": gone}, {Pair("bo", "ann")})) == "quoted_deleted"
    assert refused(a_quote(), Above({"p-1": stands}, {Pair("bo", "ann")})) == "kept_apart"
    assert refused(a_quote(parent_id="p-1"), Above({"p-1": stands})) == "reposts_and_quotes"
    itself = quoting("p-1", "p-1", {"p-1": stands})
    assert isinstance(itself, Refusal)
    assert itself.kind == "no_quoted"


def refused(post: PostPublished, above: Above) -> str | None:
    why = why_misplaced(post, above)
    return why.kind if why else None
