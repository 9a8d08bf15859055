"""Where an author writes drafts, and publishes them now or at a time. Nobody else sees them."""

from datetime import datetime
from typing import Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Ask, Command, Read, Who, allowed, audited, not_audited, routes
from lutong_contracts.feed import PostAudience
from lutong_contracts.values import Identifier, Moment
from lutong_feed.bodies import PostText
from lutong_feed.drafts import store
from lutong_feed.drafts.domain import Draft, DropDraft, EraseDrafts, PublishDraft, WriteDraft
from lutong_feed.texts import domain as texts

router = routes("feed")


class NewDraft(Command):
    """What an author writes, and when it is to be published."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "公积金新政策今天起施行", "publish_at": "2030-01-01T08:00:00+08:00"}]}
    )

    text: PostText
    program_id: Identifier | None = None
    card: Literal["auto", "none"] = Field("auto", description="none: no card, whatever the words ask for")
    parent_id: Identifier | None = Field(None, description="the post that this one reposts")
    quote_id: Identifier | None = Field(None, description="the post that this one quotes")
    audience: PostAudience = Field(
        "everybody", description="who will see it: everybody, those who follow its author, or the author alone"
    )
    publish_at: Moment | None = Field(
        None, description="when it is published, by the time of the server; absent: when its author publishes it"
    )


class DraftView(BaseModel):
    """A draft as its author sees it. `refused_for`: why it was not published at its time."""

    draft_id: str
    text: str
    program_id: str | None
    card: str
    parent_id: str | None
    quote_id: str | None
    audience: str = "everybody"
    publish_at: datetime | None
    refused_for: str | None
    written_at: datetime


@router.get("/v1/accounts/{account_id}/drafts")
@allowed("member")
async def get_drafts(account_id: Identifier, who: Who, read: Read) -> list[DraftView]:
    """The drafts of one's own account: what is scheduled first, in order of time."""
    who.require(member=account_id, hide=("account", account_id))
    return [DraftView(**dict(row) | {"text": texts.shown(row["text"])}) for row in await store.of(read, account_id)]


@router.put("/v1/accounts/{account_id}/drafts/{draft_id}", response_model=dict[str, str])
@allowed("member")
@not_audited("an author's own words, which nobody else sees")
async def put_draft(account_id: Identifier, draft_id: Identifier, draft: NewDraft, who: Who, ask: Ask) -> Response:
    """Write a draft, or write it anew; with a time it is published then, under the draft's id. Without one it waits."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(WriteDraft(Draft(account_id, draft_id, **draft.model_dump())))


@router.delete("/v1/accounts/{account_id}/drafts/{draft_id}", status_code=204)
@allowed("member")
@not_audited("an author's own words, which nobody else sees")
async def delete_draft(account_id: Identifier, draft_id: Identifier, who: Who, ask: Ask) -> Response:
    """Drop a draft; one that was scheduled is not published. Once is enough."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(DropDraft(account_id, draft_id))


@router.delete("/v1/accounts/{account_id}/drafts", status_code=204)
@allowed("member", "operator")
@audited("draft.erase", own="member")
async def erase_drafts(account_id: Identifier, who: Who, ask: Ask) -> Response:
    """Erase all drafts of an account, and what it scheduled: none of it is published, and no text of it is left. Once is enough."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(EraseDrafts(account_id))


@router.post("/v1/accounts/{account_id}/drafts/{draft_id}/publication", status_code=201, response_model=dict[str, str])
@allowed("member")
@not_audited("an author publishes what is their own")
async def publish_draft(account_id: Identifier, draft_id: Identifier, who: Who, ask: Ask) -> Response:
    """Publish a draft now, under its id. Its card resolves shortly after."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(PublishDraft(account_id, draft_id))
