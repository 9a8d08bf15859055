"""What the audit keeps of what staff does for an account: its id and kind, never texts and names."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from lutong_chassis.audit import Change
from lutong_contracts.feed import PostPublished, ServiceRequested
from lutong_feed.domain import AccountRow


class Following(Protocol):
    """Who follows whom."""

    @property
    def follower_id(self) -> str:
        """Who follows."""

    @property
    def followee_id(self) -> str:
        """Who is followed."""


def accounts_put(known: Mapping[str, AccountRow], latest: Mapping[str, AccountRow]) -> Iterator[Change]:
    """Accounts that were created or renamed, or became of another kind, or have other bindings."""
    for account_id, after in sorted(latest.items()):
        before = _facts(known[account_id]) if account_id in known else None
        yield Change("account.put", f"account:{account_id}", None, before, _facts(after))


def _facts(account: AccountRow) -> dict[str, str | None]:
    return {name: value or None for name, value in account._asdict().items() if name != "account_id"}


def follows_added(follows: Iterable[Following]) -> Iterator[Change]:
    """Accounts that follow another from now on."""
    for follow in follows:
        yield Change("follow.add", f"account:{follow.follower_id}", after={"followee_id": follow.followee_id})


def follow_removed(follow: Following) -> Change:
    """An account that follows another no more."""
    return Change("follow.remove", f"account:{follow.follower_id}", before={"followee_id": follow.followee_id})


def posts_published(posts: Iterable[PostPublished]) -> Iterator[Change]:
    """Posts, and in whose name they are."""
    for post in posts:
        yield Change("post.publish", f"post:{post.post_id}", after={"author_id": post.author_id})


def post_deleted(post_id: str, by: str, reason: str | None) -> Change:
    """A post that is gone: who deleted it, and why."""
    return Change("post.delete", f"post:{post_id}", reason, after={"by": by})


def apart(action: str, account_id: str, other_id: str) -> Change:
    """An account blocks or mutes another one, or does so no more."""
    return Change(action, f"account:{account_id}", after={"other_id": other_id})


def card_taken_off(post_id: str, by: str, reason: str) -> Change:
    """A card that is gone from its post: who took it off, and why."""
    return Change("card.take_off", f"post:{post_id}", reason, after={"by": by})


def request_placed(asked: ServiceRequested) -> Change:
    """An order, for whom and for how much."""
    placed = {"viewer_id": asked.viewer_id, "total_minor": asked.total.amount_minor}
    return Change("request.place", f"order:{asked.order_id}", after=placed)
