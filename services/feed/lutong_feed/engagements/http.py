"""What viewers ask of the card on a post."""

from fastapi import Response

from lutong_chassis import Ask, Who, allowed, audited, routes
from lutong_contracts.values import Identifier
from lutong_feed.bodies import CardView, Viewer
from lutong_feed.engagements.domain import SolveCard, TapCard

router = routes("feed")


@router.post("/v1/posts/{post_id}/card/taps", status_code=201, response_model=CardView)
@allowed("member", "operator")
@audited("card.tap", own="member", shows=("viewer_id",))
async def tap_card(post_id: Identifier, viewer: Viewer, who: Who, ask: Ask) -> Response:
    """Open the mini-program from the card; the answer says which page of which version. A viewer counts once."""
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    return await ask(TapCard(post_id, viewer.viewer_id))


@router.post("/v1/posts/{post_id}/card/solutions", status_code=201, response_model=dict[str, str])
@allowed("member", "operator")
@audited("card.solve", own="member", shows=("viewer_id",))
async def solve(post_id: Identifier, viewer: Viewer, who: Who, ask: Ask) -> Response:
    """Say that a viewer got done in the mini-program what the post was about. A viewer counts once."""
    who.require(member=viewer.viewer_id, hide=("account", viewer.viewer_id))
    return await ask(SolveCard(post_id, viewer.viewer_id))
