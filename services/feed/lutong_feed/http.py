"""What authors and viewers ask of the feed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from fastapi import Response
from uuid_utils import uuid7

from lutong_chassis import Ask, Cause, Problem, Read, Tx, TxDependency, Who, allowed, audited, not_found, routes
from lutong_chassis.audit import record
from lutong_chassis.http import ingest
from lutong_contracts.feed import AccountFollowed, CardTakenOff, PostPublished
from lutong_contracts.values import Identifier
from lutong_feed import accounts as account_store
from lutong_feed import on_record, store
from lutong_feed.apart import http as apart
from lutong_feed.apart import store as apart_store
from lutong_feed.apart.domain import Pair
from lutong_feed.attribution import http as attribution
from lutong_feed.bindings import http as bindings
from lutong_feed.bodies import Account, Accounts, Follow, Follows, NewPost, NewPosts, Removal
from lutong_feed.deleting import http as deleting
from lutong_feed.domain import AccountRow, FollowRow
from lutong_feed.drafts import http as drafts
from lutong_feed.engagements import http as engagements
from lutong_feed.interactions import http as interactions
from lutong_feed.limiting import http as limiting
from lutong_feed.placements import http as placements
from lutong_feed.publishing import domain as publishing
from lutong_feed.publishing.handlers import OnJourney, publish
from lutong_feed.reading import http as reading
from lutong_feed.revising import http as revising
from lutong_feed.texts import domain as texts
from lutong_feed.texts import http as mentions
from lutong_feed.verticals import http as verticals
from lutong_feed.views import AccountView, RemovalView

router = routes("feed")
router.routes += bindings.router.routes
router.routes += engagements.router.routes
router.routes += interactions.router.routes
router.routes += attribution.router.routes
router.routes += deleting.router.routes
router.routes += drafts.router.routes
router.routes += limiting.router.routes
router.routes += mentions.router.routes
router.routes += revising.router.routes
router.routes += reading.router.routes
router.routes += apart.router.routes
router.routes += verticals.router.routes
router.routes += placements.router.routes

_VOUCHED: Final = ("kind", "merchant_id", "program_ids")
"""What staff sets of an account, and the account itself never does."""


@router.put("/v1/accounts/{account_id}")
@allowed("member", "operator")
@audited("account.put", own="member", shows=_VOUCHED)
async def put_account(account_id: Identifier, account: Account, who: Who, tx: TxDependency) -> dict[str, str]:
    """Create an account, or rename it. Only staff changes its kind and bindings; a new account is personal by default."""
    who.require(member=account_id, hide=("account", account_id))
    await _save_accounts(tx, who, [_wanted(account_id, account)])
    return {"account_id": account_id}


@router.post("/v1/accounts/batch", status_code=201)
@allowed("operator")
@audited("account.put", shows=_VOUCHED)
async def put_accounts(command: Accounts, who: Who, tx: TxDependency) -> dict[str, int]:
    """Create or rename many accounts."""
    await _save_accounts(tx, who, [_wanted(account.account_id, account) for account in command.accounts])
    return {"saved": len(command.accounts)}


@router.put("/v1/accounts/{account_id}/follows/{followee_id}", status_code=204)
@allowed("member", "operator")
@audited("follow.add", own="member", shows=("followee_id",))
async def put_follow(account_id: Identifier, followee_id: Identifier, who: Who, ask: Ask) -> Response:
    """Follow an account."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(publishing.Follow(account_id, followee_id))


@router.delete("/v1/accounts/{account_id}/follows/{followee_id}", status_code=204)
@allowed("member", "operator")
@audited("follow.remove", own="member", shows=("followee_id",))
async def delete_follow(account_id: Identifier, followee_id: Identifier, who: Who, ask: Ask) -> Response:
    """Stop following an account."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(publishing.Unfollow(account_id, followee_id))


@router.post("/v1/follows/batch", status_code=201)
@allowed("operator")
@audited("follow.add", shows=("followee_id",))
async def put_follows(command: Follows, who: Who, tx: TxDependency) -> dict[str, int]:
    """Let many accounts follow."""
    await _follow(tx, who, command.follows)
    return {"saved": len(command.follows)}


@router.post("/v1/posts", status_code=201, response_model=dict[str, str])
@allowed("member", "operator")
@audited("post.publish", own="member", shows=("author_id",))
async def publish_post(post: NewPost, who: Who, ask: Ask) -> Response:
    """Publish a post. Its card resolves shortly after; the answer's `Lutong-Journey` header names the journey."""
    who.require(member=post.author_id, hide=("account", post.author_id))
    return await ask(publishing.PublishPost(_post(post)))


@router.post("/v1/posts/batch", status_code=201)
@allowed("operator")
@audited("post.publish", shows=("author_id",))
async def publish_posts(command: NewPosts, who: Who, tx: TxDependency) -> dict[str, list[str]]:
    """Publish many posts, each on a journey of its own; the first on that of the command."""
    causes = [tx.cause, *(Cause(tx.new_id()) for _ in command.posts[1:])]
    posts = [_post(post) for post in command.posts]
    await _publish(tx, [OnJourney(*each) for each in zip(posts, causes, strict=True)])
    await record(tx, who, *on_record.posts_published(posts))
    return {"post_ids": [post.post_id for post in posts]}


ingest.mount(router)


@router.post("/v1/posts/{post_id}/card/removal")
@allowed("member", "merchant", "operator")
@audited("card.take_off", own="member", shows=("by",))
async def take_card_off(post_id: Identifier, removal: Removal, who: Who, tx: TxDependency) -> RemovalView:
    """Take the card off a post, for good: its author, the merchant that it leads to, or an operator. Once is enough."""
    card = await store.card_owners(tx, post_id) or not_found("post", post_id)
    who.require(member=card.author_id, merchant=card.merchant_id, hide=("post", post_id))
    if card.taken_off_by:
        return RemovalView(post_id=post_id, by=card.taken_off_by, reason=card.taken_off_for or "")
    by = "operator" if who.is_staff else "author" if who.member_id == card.author_id else "merchant"
    await store.take_card_off(tx, post_id, by, removal.reason)
    event = CardTakenOff(post_id=post_id, program_id=card.program_id, by=by, reason=removal.reason)
    tx.publish(event, cause=Cause(card.correlation_id, card.causation_id))
    if by != "author":
        await record(tx, who, on_record.card_taken_off(post_id, by, removal.reason))
    return RemovalView(post_id=post_id, by=by, reason=removal.reason)


@router.get("/v1/accounts/{account_id}")
@allowed("anybody")
async def get_account(account_id: Identifier, who: Who, read: Read) -> AccountView:
    """Who an account is; a member learns whether they follow it."""
    home = await account_store.account(read, account_id, who.member_id) or not_found("account", account_id)
    return AccountView(**home._asdict() | ({} if who.member_id else {"followed": None}))


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(read: Read) -> dict[str, Any]:
    """Counts of posts, cards by state and requests by status."""
    return await store.summary(read)


def _wanted(account_id: str, account: Account) -> AccountRow:
    """What a command wants of an account: what it does not mention stays."""
    unbound = "merchant_id" in account.model_fields_set and account.merchant_id is None
    programs = None if account.program_ids is None else " ".join(sorted(set(account.program_ids)))
    return AccountRow(account_id, account.name, account.kind, "" if unbound else account.merchant_id, programs)


async def _save_accounts(tx: Tx, who: Who, wanted: list[AccountRow]) -> None:
    """Save accounts, and publish those of whom more than the name changed. The audit has what staff did, not the names."""
    known = await account_store.lock(tx, [account.account_id for account in wanted])
    latest = {account.account_id: account.over(known.get(account.account_id)) for account in wanted}
    if not who.is_staff:
        for account_id, after in latest.items():
            _vouched_by_staff(known.get(account_id, AccountRow(account_id, "", "personal")), after)
    tx.publish(*await account_store.save(tx, wanted))
    if who.is_staff:
        await record(tx, who, *on_record.accounts_put(known, latest))


def _vouched_by_staff(before: AccountRow, after: AccountRow) -> None:
    """Refuse what an account claims of itself and staff has not set."""
    for field in _VOUCHED:
        if (getattr(before, field) or "") != (getattr(after, field) or ""):
            is_now = getattr(before, field) or "bound to none"
            raise Problem(
                403, "forbidden", f"the account is {is_now}, and staff alone changes that: leave `{field}` out"
            )


async def _follow(tx: Tx, who: Who, follows: list[Follow]) -> None:
    for follow in follows:
        if follow.follower_id == follow.followee_id:
            raise Problem(422, "follows_itself", f"account {follow.follower_id!r} cannot follow itself")
    await _known(tx, {name for follow in follows for name in (follow.follower_id, follow.followee_id)})
    for pair in await apart_store.blocked(tx, [Pair(each.follower_id, each.followee_id) for each in follows]):
        refusal = publishing.kept_apart("follow", pair.other_id)
        raise Problem(409, refusal.kind, refusal.detail)
    rows = [FollowRow(follow.follower_id, follow.followee_id) for follow in follows]
    tx.publish(*account_store.changes(await account_store.save_follows(tx, rows), AccountFollowed))
    if who.is_staff:
        await record(tx, who, *on_record.follows_added(follows))


async def _known(tx: Tx, account_ids: set[str]) -> None:
    for account_id in sorted(account_ids - await account_store.known(tx, account_ids)):
        not_found("account", account_id)


def _post(post: NewPost) -> PostPublished:
    post_id = post.post_id or str(uuid7())
    if post.parent_id and (post.program_id or post.card == "auto"):
        post = post.model_copy(update={"card": "none", "program_id": None})
    if unseen := texts.why_unseen(post.text):
        raise Problem(422, unseen.kind, unseen.detail)
    parts = texts.parted(post.text)._asdict()
    return PostPublished(post_id=post_id, **post.model_dump(exclude={"post_id", "text"}), **parts)


async def _publish(tx: Tx, posts: Sequence[OnJourney]) -> None:
    """Publish posts, all or none."""
    for post_id, times in Counter(post.post_id for post, _ in posts).items():
        if times > 1:
            raise Problem(409, "post_exists", f"post {post_id!r} is there {times} times")
    for problem in await publish(tx, posts):
        if problem:
            raise problem
