"""What cards show a viewer of their merchants' plans: one statement for a page."""

from collections.abc import Sequence

from lutong_chassis import Reads
from lutong_feed.offers import store
from lutong_feed.offers.domain import amount_with, shown, stated
from lutong_feed.offers.store import Known
from lutong_feed.views import LiveView, MembershipView, PostView, TextView


async def show_offers(read: Reads, posts: Sequence[PostView], viewer_id: str | None) -> None:
    """Let cards show this viewer their price with the plan of the merchant: the offer, or that they have it; nothing to who is held out."""
    lives = [post.card.live for post in posts if post.card.live]
    if not lives or viewer_id is None:
        return
    known = await store.plans_for(read, (live.merchant_id for live in lives), viewer_id)
    by_merchant = {each.plan.merchant_id: each for each in known}
    for live in lives:
        if live.merchant_id in by_merchant:
            live.membership = _view(live, by_merchant[live.merchant_id])


def _view(live: LiveView, known: Known) -> MembershipView | None:
    plan, member_id, standing, _ = known
    state = shown(plan, member_id, standing)
    if state is None:
        return None
    return MembershipView(
        state=state,
        plan_id=plan.plan_id,
        title=plan.title,
        discount_percent=plan.discount_percent,
        amount_minor=amount_with(live.amount_minor, plan.discount_percent),
        text=TextView(**stated(plan, state)._asdict()),
    )
