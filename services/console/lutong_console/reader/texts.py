"""The text of a post on a page: its parts, those that lead somewhere with where to."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote


class Piece(NamedTuple):
    """A part of a text, and the page that it leads to, if any."""

    text: str
    href: str | None = None


def pieces(post: Mapping[str, Any]) -> Iterator[Piece]:
    """The text of a post, cut where it names accounts and topics: a mention leads to the account, a topic to the search for services.

    >>> list(pieces({"text": "谢谢@ann", "spans": [{"kind": "mention", "start": 2, "end": 6, "word": "ann"}]}))
    [Piece(text='谢谢', href=None), Piece(text='@ann', href='/mentions/ann')]
    """
    text, at = post["text"], 0
    for span in post.get("spans", ()):
        if span["start"] > at:
            yield Piece(text[at : span["start"]])
        word = quote(span["word"], safe="")
        yield Piece(
            text[span["start"] : span["end"]], f"/mentions/{word}" if span["kind"] == "mention" else f"/search?q={word}"
        )
        at = span["end"]
    if at < len(text):
        yield Piece(text[at:])
