"""Who may embed which program: its owner decides, and the owner's accounts always may. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

EmbeddedBy = Literal["public", "permitted", "owner"]


class Author(NamedTuple):
    """What staff and owners vouch for of an account: whose it is, and which programs it may embed."""

    account_id: str
    merchant_id: str | None = None
    program_ids: frozenset[str] = frozenset()
    permitted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Embedding:
    """What is restricted, of the programs that posts may lead to, and who wrote the posts."""

    restricted: Mapping[str, EmbeddedBy] = field(default_factory=dict)
    """By program; one that is not here is public."""
    authors: Mapping[str, Author] = field(default_factory=dict)

    def is_allowed(self, author_id: str, program_id: str, merchant_id: str) -> bool:
        """Whether an author may put a card of a program, which a merchant owns, below a post.

        >>> fund = Embedding({"fund": "owner"}, {"gov-news": Author("gov-news", merchant_id="gov")})
        >>> fund.is_allowed("gov-news", "fund", "gov"), fund.is_allowed("amy", "fund", "gov")
        (True, False)
        """
        embedded_by = self.restricted.get(program_id, "public")
        author = self.authors.get(author_id, Author(author_id))
        if embedded_by == "public" or author.merchant_id == merchant_id or program_id in author.program_ids:
            return True
        return embedded_by == "permitted" and program_id in author.permitted
