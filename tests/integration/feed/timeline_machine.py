"""A world of few accounts in which anything may happen in any order; what a timeline shows is compared with the plainest answer."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lutong_chassis.auth import Principal
from lutong_chassis.commands.asked import Answer, Asked, Claim
from lutong_chassis.database import Pool, Tx, new_cause, transaction
from lutong_chassis.handlers import CommandHandler
from lutong_chassis.testing import an_operator, deliver
from lutong_contracts import Event
from lutong_contracts.feed import PostAudience, PostPublished
from lutong_contracts.timelines import TimelineUnread
from lutong_contracts.topics import TIMELINES
from lutong_feed import accounts
from lutong_feed.apart.domain import KeepApart, Kind, LetBe
from lutong_feed.deleting.domain import DeletePost
from lutong_feed.domain import AccountRow, Cursor
from lutong_feed.handlers import handlers
from lutong_feed.limiting.domain import LimitPost
from lutong_feed.publishing.domain import Follow, PublishPost, Unfollow
from lutong_feed.reading import store as reading
from lutong_feed.timelines.domain import OpenTimeline

ACCOUNTS: Final = [f"a{number:02}" for number in range(10)]
_STAFF: Final = an_operator()
_SHOWN_MAX: Final = 45
_OLD_MAX: Final = 120
_APART_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Post:
    """A post as the plain answer knows it."""

    post_id: str
    author_id: str
    root_author_id: str | None = None
    """Whose words it shows, too: those of the root of its tree, or of what it quotes."""
    is_repost: bool = False
    audience: str = "everybody"

    @property
    def top_author_id(self) -> str:
        """The author of the root of its tree."""
        return self.root_author_id if self.is_repost and self.root_author_id else self.author_id


@dataclass(slots=True)
class Machine:
    """The feed on a real database, and beside it who follows whom and what was published, in order."""

    pool: Pool
    rng: random.Random
    posts: list[Post] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    follows: set[tuple[str, str]] = field(default_factory=set)
    apart: set[tuple[str, str, Kind]] = field(default_factory=set)
    waiting: list[Event] = field(default_factory=list)
    """What the feed has published for itself and not consumed yet."""
    compared: int = 0

    async def begin(self) -> None:
        async with transaction(self.pool) as tx:
            await accounts.save(tx, [AccountRow(name, name, "personal") for name in ACCOUNTS])

    async def forget(self) -> None:
        """Another world begins: nobody follows, nothing was published. So a walk stays as fast as it began, however long it is."""
        await self._execute(
            "TRUNCATE account, post, follow, kept_apart, timeline_reader, pulled_author, outbox, pending CASCADE"
        )
        for known in (self.posts, self.deleted, self.follows, self.apart, self.waiting):
            known.clear()
        await self.begin()

    async def run(self, steps: int) -> None:
        weights = {
            self._publish: 20, self._follow: 14, self._unfollow: 8, self._keep_apart: 3, self._let_be: 3, self._delete: 4,
            self._limit: 4, self._open: 8, self._leave: 2, self._lose: 1, self._consume: 25, self._read: 22,
        }  # fmt: skip
        for act in self.rng.choices(list(weights), list(weights.values()), k=steps):
            await act()

    async def settle(self) -> None:
        """Everything is consumed."""
        while self.waiting:
            await self._deliver(self.waiting[:50])

    async def _publish(self) -> None:
        author_id = self.rng.choice(ACCOUNTS[: self.rng.choice((3, len(ACCOUNTS)))])
        kind = self.rng.choice(("post", "post", "post", "repost", "quote"))
        other = self.rng.choice(self.posts[-20:]) if self.posts and kind != "post" else None
        event = PostPublished(
            post_id=f"p{len(self.posts)}", author_id=author_id, text="路通", card="none",
            parent_id=other.post_id if other and kind == "repost" else None,
            quote_id=other.post_id if other and kind == "quote" else None,
        )  # fmt: skip
        if await self._ask(PublishPost(event)):
            root = other.author_id if other and kind == "quote" else other.top_author_id if other else None
            self.posts.append(Post(event.post_id, author_id, root, is_repost=event.parent_id is not None))

    async def _follow(self) -> None:
        reader_id, author_id = self.rng.sample(ACCOUNTS, 2)
        if await self._ask(Follow(reader_id, author_id)):
            self.follows.add((reader_id, author_id))

    async def _unfollow(self) -> None:
        if self.follows:
            reader_id, author_id = self.rng.choice(sorted(self.follows))
            await self._ask(Unfollow(reader_id, author_id))
            self.follows.discard((reader_id, author_id))

    async def _keep_apart(self) -> None:
        account_id, other_id = self.rng.sample(ACCOUNTS, 2)
        kind: Kind = self.rng.choice(("block", "mute"))
        if len(self.apart) < _APART_MAX and await self._ask(KeepApart(account_id, other_id, kind)):
            self.apart.add((account_id, other_id, kind))
            if kind == "block":
                self.follows -= {(account_id, other_id), (other_id, account_id)}

    async def _let_be(self) -> None:
        if self.apart:
            kept = self.rng.choice(sorted(self.apart))
            await self._ask(LetBe(*kept))
            self.apart.discard(kept)

    async def _delete(self) -> None:
        if self.posts:
            post = self.rng.choice(self.posts[-30:])
            await self._ask(DeletePost(post.post_id, "spam"))
            self.deleted.add(post.post_id)

    async def _limit(self) -> None:
        """An author lets others see a post, or everybody again. What is limited is neither reposted nor quoted, and its reposts stay."""
        if self.posts:
            place = self.rng.randrange(max(0, len(self.posts) - 30), len(self.posts))
            audience: PostAudience = self.rng.choice(("everybody", "followers", "only_me"))
            if await self._ask(LimitPost(self.posts[place].post_id, audience)):
                self.posts[place] = replace(self.posts[place], audience=audience)

    async def _open(self) -> None:
        """A reader comes, on another day than the last time."""
        reader_id = self.rng.choice(ACCOUNTS)
        await self._execute(
            "UPDATE timeline_reader SET seen_at = now() - interval '13 hours' WHERE reader_id = $1", reader_id
        )
        await self._ask(OpenTimeline(reader_id))

    async def _leave(self) -> None:
        """A reader has not come for long."""
        reader_id = self.rng.choice(ACCOUNTS)
        await self._execute(
            "UPDATE timeline_reader SET seen_at = now() - interval '99 days' WHERE reader_id = $1", reader_id
        )
        await self._deliver([TimelineUnread(reader_id=reader_id)])

    async def _lose(self) -> None:
        """What the feed published for itself never arrives."""
        if self.waiting:
            self.waiting.pop(self.rng.randrange(len(self.waiting)))

    async def _consume(self) -> None:
        """Some of what waits is consumed, often the latest first; some of it again later."""
        waiting = self.waiting[-8:] if self.rng.random() < 0.6 else self.waiting
        some = self.rng.sample(waiting, min(len(waiting), self.rng.randint(1, 4)))
        await self._deliver(some, again=self.rng.random() < 0.05)

    async def _deliver(self, some: Sequence[Event], *, again: bool = False) -> None:
        if not again:
            for event in some:
                if event in self.waiting:
                    self.waiting.remove(event)
        if some:
            self._take(await deliver(self.pool, handlers, *some))

    async def _read(self) -> None:
        """A reader walks down some pages, from the top or from somewhere."""
        reader_id, limit = self.rng.choice(ACCOUNTS), self.rng.randint(1, 15)
        place = None if self.rng.random() < 0.5 else self.rng.randint(0, _OLD_MAX)
        before = await self._cursor(place) if place is not None else None
        wanted = self._plain(reader_id, len(self.posts) - place if before and place is not None else len(self.posts))
        shown = 0
        while shown < _SHOWN_MAX:
            async with transaction(self.pool, readonly=True) as tx:
                rows = await reading.timeline(tx, reader_id, before, limit + 1)
            page = [row["post_id"] for row in rows[:limit]]
            expected = [post_id for _, post_id in zip(range(limit), wanted, strict=False)]
            assert page == expected, f"{reader_id} is shown {page}, and not {expected}"
            if len(rows) <= limit:
                assert next(wanted, None) is None, "the walk ended, and there was more"
                break
            before, shown = Cursor(rows[limit - 1]["published_at"], rows[limit - 1]["number"]), shown + limit
        self.compared += 1

    async def _cursor(self, place: int) -> Cursor | None:
        if not 0 < place <= len(self.posts):
            return None
        async with transaction(self.pool, readonly=True) as tx:
            row = await tx.fetchrow(
                "SELECT published_at, number FROM post WHERE post_id = $1", self.posts[-place].post_id
            )
        return Cursor(*row) if row else None

    def _plain(self, reader_id: str, end: int) -> Iterator[str]:
        """What a timeline shows of the first posts that were published, newest first."""
        hidden = {other for account, other, _ in self.apart if account == reader_id}
        hidden |= {account for account, other, kind in self.apart if other == reader_id and kind == "block"}
        for post in reversed(self.posts[:end]):
            followed = (reader_id, post.author_id) in self.follows and post.audience != "only_me"
            followed = followed or post.author_id == reader_id
            if followed and post.post_id not in self.deleted and not {post.author_id, post.root_author_id} & hidden:
                yield post.post_id

    async def _ask(self, command: object) -> bool:
        """Have a command done; gives whether it was."""
        handler: CommandHandler[object] = handlers.by_command[type(command)]
        who: Principal = _STAFF
        async with transaction(self.pool) as tx:
            (outcome,) = await handler([Asked(command, who, new_cause(), Claim("", None, ""))], tx)
        self._take([outgoing.event for outgoing in tx.outgoing])
        return isinstance(outcome, Answer)

    def _take(self, events: Sequence[Event]) -> None:
        self.waiting += [
            event for event in events if event.topic is TIMELINES and not isinstance(event, TimelineUnread)
        ]

    async def _execute(self, sql: str, *args: object) -> None:
        async with transaction(self.pool) as tx:
            await tx.execute(sql, *args)


async def gaps(tx: Tx) -> int:
    """Posts that a reader follows by the copy, and that the copy has not."""
    found: int = await tx.fetchval(
        """
        SELECT count(*)
          FROM follow
          JOIN timeline_reader ON reader_id = follower_id
          JOIN post ON author_id = followee_id AND deleted_at IS NULL AND fanned
           AND (post.published_at, post.number) > (floor_at, floor_number)
         WHERE pushed AND NOT EXISTS (SELECT FROM timeline_entry AS entry
                                       WHERE (entry.reader_id, entry.post_id) = (follower_id, post.post_id))
        """
    )
    return found
