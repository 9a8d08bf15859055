"""Where an author decides who sees a post."""

from fastapi import Response
from pydantic import BaseModel, ConfigDict

from lutong_chassis import Ask, Command, allowed, audited, routes
from lutong_chassis.http.problems import documented
from lutong_contracts.feed import PostAudience
from lutong_contracts.values import Identifier
from lutong_feed.limiting.domain import LimitPost

router = routes("feed")


class NewAudience(Command):
    """Who sees a post from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"audience": "followers"}]})

    audience: PostAudience


class AudienceView(BaseModel):
    """Who sees a post."""

    post_id: str
    audience: PostAudience


@router.put("/v1/posts/{post_id}/audience", response_model=AudienceView, responses=documented(410))
@allowed("member", "operator")
@audited("post.limit", own="member", shows=("audience",))
async def limit_post(post_id: Identifier, wanted: NewAudience, ask: Ask) -> Response:
    """Let everybody see a post, those who follow its author, or the author alone. Reposts stay, and show nothing of it to others."""
    return await ask(LimitPost(post_id, wanted.audience))
