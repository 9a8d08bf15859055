"""Where viewers' clients report, and where an author sees what was counted."""

from fastapi import Response

from lutong_chassis import Ask, Read, Who, allowed, audited, not_found, routes
from lutong_chassis.http.problems import documented
from lutong_contracts.values import Identifier
from lutong_feed import arrivals
from lutong_feed.interactions import domain, store
from lutong_feed.interactions.bodies import CountView, Reports, ReportView
from lutong_feed.interactions.domain import Report
from lutong_feed.touches.http import Touches

router = routes("feed")


@router.post("/v1/interactions", status_code=202, response_model=ReportView, responses=documented(410))
@allowed("member", "operator")
@audited("interaction.report", own="member", shows=("interactions",))
async def report_interactions(reports: Reports, who: Who, touches: Touches, ask: Ask) -> Response:
    """Report what a viewer saw, opened, tapped or wants less of. Each counts once per item of an answer and kind."""
    who.require(member=reports.viewer_id, hide=("account", reports.viewer_id))
    given = [Report(each.touch, each.kind) for each in reports.interactions]
    return await ask(domain.sifted(reports.viewer_id, given, touches.check))


@router.get("/v1/posts/{post_id}/interactions")
@allowed("member", "viewer")
async def get_interactions(post_id: Identifier, who: Who, read: Read) -> list[CountView]:
    """What viewers did with a post, by placement and kind: for its author and for staff."""
    post = (await arrivals.posts(read, [post_id])).get(post_id) or not_found("post", post_id)
    who.require(member=post.author_id, hide=("post", post_id))
    return [CountView(**each._asdict()) for each in await store.counts(read, post_id)]
