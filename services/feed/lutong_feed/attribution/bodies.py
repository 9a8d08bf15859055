"""The funnel of a post, as it is shown."""

from pydantic import BaseModel


class StagesView(BaseModel):
    """How many came how far: impressions, opens and taps of items, then orders. See `GET /v1/posts/{post_id}/funnel`."""

    impressions: int
    opens: int
    taps: int
    requests: int
    held: int
    sourced: int
    fulfilled: int
    settled: int
    reversed: int
    net_minor: int


class PlacementView(StagesView):
    """What happened in one placement."""

    placement: str


class EdgeView(StagesView):
    """What came through a repost: what happened on it and on all below it."""

    parent_id: str
    post_id: str
    depth: int


class FunnelView(BaseModel):
    """From impressions to settlement, net of refunds and cancellations, for a post and the reposts below it.

    `own` is the post itself, `tree` all of it. `credit_ppm` is what the post has of the orders in whose chain it is, in
    millionths of an order: those of a chain add up to a whole one. `view_through` counts orders before which one of
    these posts was the last that was seen within 24 hours, beside the clicks. `rule` names the rule of both.
    """

    post_id: str
    rule: str
    currency: str | None
    own: StagesView
    tree: StagesView
    credit_ppm: int
    credit_net_minor: int
    view_through: int
    placements: list[PlacementView]
    edges: list[EdgeView]
