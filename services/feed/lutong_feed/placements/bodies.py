"""What placements answer."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from lutong_feed.placements.domain import Fallback
from lutong_feed.views import PostView


class FactorsView(BaseModel):
    """Each above 0 and at most 1; the score is their product, each to the power that the placement gives it (docs/placements.md)."""

    interest: float
    graph: float
    heat: float
    freshness: float
    ability: float
    wanted: float


class WhyView(BaseModel):
    """Why an item stands where it does: a sentence in both languages, what it is about, and all factors. Null without a ranking."""

    reason: str
    en: str
    zh: str
    factors: FactorsView | None


class ItemView(BaseModel):
    """A post in a placement. `paid` is one whose place was paid for; who shows it labels it so."""

    kind: Literal["organic", "paid"] = "organic"
    post: PostView
    why: WhyView


class RankingView(BaseModel):
    """By which rules and as of when the order was made. `fallback`: why it is the newest first although a ranking was asked for."""

    version: int
    order: Literal["ranked", "newest"]
    fallback: Fallback | None
    as_of: datetime


class PlacementView(BaseModel):
    """A page of a placement; `next_cursor` leads to the next one and is null on the last. `request_id` is in the touch of each item."""

    request_id: str
    placement: str
    ranking: RankingView
    items: list[ItemView]
    next_cursor: str | None = Field(description="the rest of this order: good for this reader, this list and a week")
