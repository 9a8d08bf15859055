"""Where an author edits a post, and where all see what it was before."""

from datetime import datetime

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Ask, Command, Problem, Read, Who, allowed, not_audited, not_found, routes
from lutong_chassis.http.problems import documented
from lutong_contracts.values import Identifier
from lutong_feed.bodies import PostText
from lutong_feed.limiting.store import is_limited
from lutong_feed.revising import store
from lutong_feed.revising.domain import Replaced, RevisePost, history
from lutong_feed.texts import domain as texts
from lutong_feed.views import SpanView

router = routes("feed")


class NewText(Command):
    """The text that a post has from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "公积金新政策明天起施行", "revision": 1}]})

    text: PostText
    revision: int | None = Field(
        None, ge=1, description="the revision that the author saw; when there is a later one, the edit is refused"
    )


class RevisedView(BaseModel):
    """The revision that a post is at: the first is 1."""

    post_id: str
    revision: int


class RevisionView(BaseModel):
    """What a post was, or is, and since when."""

    revision: int
    text: str
    spans: list[SpanView]
    written_at: datetime


@router.patch("/v1/posts/{post_id}", response_model=RevisedView, responses=documented(410))
@allowed("member")
@not_audited("an author's own words, of which every revision is kept")
async def revise_post(post_id: Identifier, words: NewText, ask: Ask) -> Response:
    """Edit a post of one's own; what it was stays to be read. Program and place stay; words may lead to another service, or to none."""
    return await ask(RevisePost(post_id, words.text, words.revision))


@router.get("/v1/posts/{post_id}/revisions", responses=documented(410))
@allowed("anybody")
async def get_revisions(post_id: Identifier, who: Who, read: Read) -> list[RevisionView]:
    """All that a post was, in order; the last is what it is. 410 for one that was deleted: its revisions are gone with it."""
    row = await store.post(read, post_id) or not_found("post", post_id)
    if await is_limited(read, post_id, who.member_id):
        not_found("post", post_id)
    if row["deleted"]:
        raise Problem(410, "deleted", f"post {post_id!r} was deleted, and its revisions with it")
    replaced = [Replaced(*each) for each in zip(row["texts"], row["replaced_at"], strict=True)]
    found = history(row["published_at"], replaced, row["text"])
    return [_view(number, texts.shown(text), written_at) for number, text, written_at in found]


def _view(revision: int, text: str, written_at: datetime) -> RevisionView:
    spans = [SpanView(**span._asdict()) for span in texts.spans(text)]
    return RevisionView(revision=revision, text=text, spans=spans, written_at=written_at)
