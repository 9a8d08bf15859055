"""Where an author and staff see what became of a post."""

from lutong_chassis import Problem, Read, Who, allowed, not_found, routes
from lutong_contracts.values import Identifier
from lutong_feed import arrivals
from lutong_feed.attribution import domain, reading
from lutong_feed.attribution.bodies import EdgeView, FunnelView, PlacementView, StagesView
from lutong_feed.domain import Refusal

router = routes("feed")


@router.get("/v1/posts/{post_id}/funnel")
@allowed("member", "viewer")
async def get_funnel(post_id: Identifier, who: Who, read: Read) -> FunnelView:
    """From impressions to settlement, net of refunds, for a post and its reposts: for its author and for staff.

    Orders are credited to the last click within seven days that was not direct, one credit for each; taps count items. 409 when
    the tree has more than 10,000 reposts below the post, or orders in several currencies: look at one below it.
    """
    post = (await arrivals.posts(read, [post_id])).get(post_id) or not_found("post", post_id)
    who.require(member=post.author_id, hide=("post", post_id))
    found = await reading.funnel_of(read, post_id)
    if isinstance(found, Refusal):
        raise Problem(409, found.kind, found.detail)
    return FunnelView(
        post_id=post_id, rule=domain.RULE, currency=found.currency, own=_view(found.funnel.own),
        tree=_view(found.funnel.tree), credit_ppm=found.credit.ppm, credit_net_minor=found.credit.net_minor,
        view_through=found.view_through,
        placements=[PlacementView(placement=name, **each._asdict()) for name, each in found.funnel.placements.items()],
        edges=[
            EdgeView(parent_id=edge.parent_id, post_id=edge.post_id, depth=edge.depth, **stages._asdict())
            for edge, stages in found.funnel.edges
        ],
    )  # fmt: skip


def _view(stages: domain.Stages) -> StagesView:
    return StagesView(**stages._asdict())
