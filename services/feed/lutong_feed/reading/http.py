"""What readers ask for: a post, an account's posts, and a timeline."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import asyncpg
from fastapi import Depends, Query

from lutong_chassis import Problem, Read, Who, allowed, not_found, routes
from lutong_chassis.http.problems import documented
from lutong_contracts.gray import Viewing
from lutong_contracts.values import Identifier
from lutong_feed import accounts
from lutong_feed.deleting import domain as deletion
from lutong_feed.domain import Cursor
from lutong_feed.gray.domain import Others, Shown, shown
from lutong_feed.gray.http import Looking
from lutong_feed.hosts.sentences import stated
from lutong_feed.live.http import Near, enliven
from lutong_feed.paging.domain import Walk
from lutong_feed.paging.http import Page, walk
from lutong_feed.reading import store
from lutong_feed.texts import domain as texts
from lutong_feed.timelines.http import keep
from lutong_feed.touches.domain import Answer
from lutong_feed.touches.http import Touches
from lutong_feed.views import BlockedView, CardView, PostView, QuoteView, RepostView, SpanView, TextView, Timeline

router = routes("feed")


@router.get("/v1/posts/{post_id}", responses=documented(410))
@allowed("anybody")
async def get_post(
    post_id: Identifier, who: Who, looking: Looking, near: Near, touches: Touches, read: Read
) -> PostView:
    """A post with its card, as the one who asks sees it, and its counters. 410 for one that was deleted."""
    row = await store.post(read, post_id, who.member_id) or not_found("post", post_id)
    if row["deleted"]:
        gone = deletion.gone(post_id)
        raise Problem(410, gone.kind, gone.detail)
    post = view(row, 0, touches.answer("post", who.member_id), looking._replace(viewer_id=who.member_id))
    await enliven(read, [post], near, who.member_id)
    return post


@router.get("/v1/accounts/{account_id}/posts")
@allowed("anybody")
async def get_posts(  # noqa: PLR0913  # one for each part of the request
    account_id: Identifier,
    *,
    who: Who,
    looking: Looking,
    near: Near,
    touches: Touches,
    read: Read,
    page: Annotated[Page, Query()],
) -> Timeline:
    """An account's own posts, newest first. A walk neither skips nor repeats what was there when it began."""
    way = walk(touches, who, f"posts {account_id}")
    rows = await store.posts_of(read, account_id, who.member_id, page.before(way), page.limit + 1)
    await account_is_there(read, account_id, rows)
    viewing = looking._replace(viewer_id=who.member_id)
    found = _page(rows, page.limit, Walked(touches.answer("account", who.member_id), way, viewing))
    await enliven(read, found.posts, near, viewing.viewer_id)
    return found


@router.get("/v1/accounts/{account_id}/timeline", dependencies=[Depends(keep)])
@allowed("member", "operator")
async def get_timeline(  # noqa: PLR0913  # one for each part of the request
    account_id: Identifier,
    *,
    who: Who,
    looking: Looking,
    near: Near,
    touches: Touches,
    read: Read,
    page: Annotated[Page, Query()],
) -> Timeline:
    """Posts of those an account follows, and its own, newest first. A walk neither skips nor repeats what was there when it began."""
    who.require(member=account_id, hide=("account", account_id))
    way = walk(touches, who, f"timeline {account_id}")
    rows = await store.timeline(read, account_id, page.before(way), page.limit + 1)
    await account_is_there(read, account_id, rows)
    viewing = looking._replace(viewer_id=account_id)
    found = _page(rows, page.limit, Walked(touches.answer("timeline", account_id), way, viewing))
    await enliven(read, found.posts, near, viewing.viewer_id)
    return found


def _quote(row: asyncpg.Record) -> QuoteView:
    return QuoteView(
        post_id=row["quoted_id"],
        author_id=row["quoted_author_id"],
        author_name=row["quoted_author_name"],
        text=texts.shown(row["quoted_text"]),
        deleted=row["quoted_deleted"],
    )


def _repost(row: asyncpg.Record) -> RepostView:
    facts = {name: row[name] for name in RepostView.model_fields}
    return RepostView(**facts | {"root_text": texts.shown(row["root_text"])})


async def account_is_there(read: Read, account_id: str, rows: Sequence[asyncpg.Record]) -> None:
    """Raise 404 for an account that does not exist. One that has posts to show does."""
    if not rows and account_id not in await accounts.known(read, [account_id]):
        not_found("account", account_id)


class Walked(NamedTuple):
    """What a page of posts is an answer to: its request, the walk that it is a step of, and who looks."""

    answer: Answer
    way: Walk
    viewing: Viewing


def _page(rows: Sequence[asyncpg.Record], limit: int, walked: Walked) -> Timeline:
    """A page of posts, of which one more was read to know whether there is a next page."""
    page, (answer, way, viewing) = rows[:limit], walked
    last = way.word(Cursor(page[-1]["published_at"], page[-1]["number"])) if len(rows) > limit else None
    posts = [view(row, position, answer, viewing) for position, row in enumerate(page)]
    return Timeline(request_id=answer.request_id, posts=posts, next_cursor=last)


def card_view(state: str, program_id: str | None, reason: str | None, version: Shown) -> CardView:
    """A card as a reader sees it: one that their app cannot open states why."""
    card = CardView(state=state, program_id=program_id, reason=reason, **version._replace(blocked=None)._asdict())
    if state == "active" and version.blocked:
        card.state, card.reason = "unavailable", version.blocked.reason
        card.blocked = BlockedView(**version.blocked._asdict(), text=TextView(**stated(version.blocked)._asdict()))
    return card


def view(row: asyncpg.Record, position: int, answer: Answer, viewing: Viewing) -> PostView:
    """A post at its position of an answer, as this viewer sees it."""
    text = texts.shown(row["text"])
    version = shown(
        row["program_id"],
        Shown(row["version"], row["title"], row["page"]),
        Others(*(row[name] for name in Others._fields)),
        viewing,
    )
    return PostView(
        **{
            name: row[name]
            for name in ("post_id", "author_id", "author_name", "published_at", "revision", "revised_at")
        },
        text=text,
        spans=[SpanView(**span._asdict()) for span in texts.spans(text)],
        card=card_view(row["state"], row["program_id"], row["reason"], version),
        counters={name: row[name] for name in ("taps", "solved", "requested", "fulfilled")}
        | {"quoted": row["times_quoted"]},
        repost=_repost(row) if row["root_id"] else None,
        quote=_quote(row) if row["quoted_id"] else None,
        touch=answer.touch(position, row["post_id"], row["root_id"] or row["post_id"], row["program_id"]),
    )
