"""A feed of few accounts and programs in which anything may happen in any order, while readers walk down its lists and report what they see."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

import httpx

from lutong_chassis import Received
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_received, bearer, deliver
from lutong_contracts import Event, event_class
from lutong_contracts.registry import (
    ProgramResumed,
    ProgramSuspended,
    ServiceDiscovered,
    VersionForcedOffline,
    VersionReleased,
)
from lutong_contracts.topics import ENGAGEMENTS, INTERACTIONS, TIMELINES
from lutong_contracts.traffic import TrafficReserved
from lutong_feed.handlers import handlers
from tests.model.feed import ModelPost
from tests.model.feed_walks import LISTS, Ledger, ModelProgram, Page, Walk, World, held

PEOPLE: Final = ("ann", "bo", "cy", "dan")
PROGRAMS: Final = ("tea", "milk", "fund")
_HOUR: Final = timedelta(hours=1)
_TOPICS: Final = [ENGAGEMENTS.name, INTERACTIONS.name, TIMELINES.name]
_WALKS_MAX: Final = 8
_OK, _CREATED, _REFUSED, _TAPPED = 200, 201, 422, 201


class Shown(NamedTuple):
    """A post that a reader was shown, and the touch that it carried."""

    reader: str
    post_id: str
    touch: str


@dataclass(slots=True)
class Machine:
    """A feed and its model, which the same happens to; walks under way, and touches that readers hold."""

    client: httpx.AsyncClient
    pool: Pool
    rng: Random
    world: World = field(default_factory=World)
    ledger: Ledger = field(default_factory=Ledger)
    walks: list[Walk] = field(default_factory=list)
    touches: list[Shown] = field(default_factory=list)
    tapped: set[tuple[str, str]] = field(default_factory=set)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    consumed: int = 0
    pages: int = 0
    ended: int = 0
    _names: "itertools.count[int]" = field(default_factory=itertools.count)

    async def begin(self) -> None:
        """A world in which each account follows another one, with programs in force."""
        await self.pool.execute(
            """
            TRUNCATE account, post, program, follow, kept_apart, timeline_reader, pulled_author, outbox, pending, interaction_count,
                     interaction_fact, engagement_fact, engagement, program_use, slot_allowance, slot_impression, order_credit CASCADE
            """
        )
        self.world, self.ledger, self.consumed = World(), Ledger(), 0
        self.walks, self.touches, self.tapped = [], [], set()
        self.headers = {name: bearer(a_member(name)) for name in PEOPLE}  # fresh ones: a token lasts a while
        accounts = [{"account_id": name, "name": name} for name in PEOPLE]
        assert (await self.client.post("/v1/accounts/batch", json={"accounts": accounts})).status_code == _CREATED
        for program_id in PROGRAMS:
            self.world.programs[program_id] = ModelProgram()
            await self._deliver(_released(program_id, 1))
        for reader in PEOPLE:
            await self._relate(reader, "follows", self.rng.choice([each for each in PEOPLE if each != reader]))

    async def run(self, steps: int) -> None:
        """Steps; after each, what walks still have to show follows from what is so now."""
        weights = {
            self._publish: 14, self._anyhow_related: 8, self._delete: 3, self._limit: 4, self._programs_move: 4,
            self._pay: 2, self._begin_walk: 16, self._walk_on: 34, self._report: 12, self._tap: 5, self._consume: 8,
        }  # fmt: skip
        for act in self.rng.choices(list(weights), list(weights.values()), k=steps):
            await act()
            for walk in self.walks:
                walk.still()

    async def settle(self) -> None:
        """All walks come to their end, all is consumed, and what is counted is what was done: by item, and by tree."""
        while self.walks:
            await self._walk_on()
        await self._consume(everything=True)
        rows = await self.pool.fetch("SELECT post_id, placement, kind, times FROM interaction_count")
        self.ledger.check({(row[0], row[1], row[2]): row[3] for row in rows})
        for root in [post for post in self.world.posts if not post.parent][-8:]:
            tree = {post.post_id for post in self.world.posts if post.root is root}
            found = (await self.client.get(f"/v1/posts/{root.post_id}/funnel")).json()
            for name, kind in {"impressions": "impression", "opens": "open", "taps": "tap"}.items():
                truth = sum(of.kind == kind and served.post_id in tree for of, served in self.ledger.done.items())
                held(
                    found["tree"][name] == truth,
                    "F7",
                    f"{name} of the tree of {root.post_id}: {found['tree']}, {truth}",
                )

    async def _ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.client.request(method, path, headers=self.headers[who], **more)

    async def _deliver(self, *events: Event | Received[Event]) -> None:
        await deliver(self.pool, handlers, *events)

    async def _publish(self) -> None:
        who, posts = self.rng.choice(PEOPLE), self.world.posts
        parent = self.rng.choice(posts[-12:]) if posts and self.rng.random() < 0.55 else None
        post = ModelPost(f"p-{len(posts)}", who, ["words"], parent)
        body: Page = {"author_id": who, "text": "words", "post_id": post.post_id, "card": "none"}
        if parent:
            body["parent_id"] = parent.post_id
        elif self.rng.random() < 0.6:
            post.program_id = body["program_id"] = self.rng.choice(PROGRAMS)
            body["card"] = "auto"
        answer = await self._ask(who, "POST", "/v1/posts", json=body)
        if answer.status_code == _CREATED:
            posts.append(post)
            if post.program_id:
                await self._deliver(_discovered(post, self.world.programs[post.program_id].version))

    async def _anyhow_related(self) -> None:
        one, other = self.rng.sample(PEOPLE, 2)
        what = self.rng.choices(("follows", "mutes", "blocks"), (7, 2, 1))[0]
        ending = self.rng.random() < {"follows": 0.3, "mutes": 0.5, "blocks": 0.6}[what]
        await self._relate(one, what, other, "DELETE" if ending else "PUT")

    async def _relate(self, one: str, what: str, other: str, method: str = "PUT") -> None:
        answer = await self._ask(one, method, f"/v1/accounts/{one}/{what}/{other}")
        kept = {"follows": self.world.follows, "blocks": self.world.blocks, "mutes": self.world.mutes}[what]
        if answer.is_success and method == "DELETE":
            kept.discard((one, other))
        elif answer.is_success:
            self.world.block(one, other) if what == "blocks" else kept.add((one, other))

    async def _delete(self) -> None:
        if self.world.posts:
            post = self.rng.choice(self.world.posts[-20:])
            assert (await self._ask(post.author, "DELETE", f"/v1/posts/{post.post_id}")).is_success
            post.deleted = True

    async def _limit(self) -> None:
        if self.world.posts:
            post = self.rng.choice(self.world.posts[-20:])
            audience = self.rng.choice(("everybody", "followers", "only_me"))
            path = f"/v1/posts/{post.post_id}/audience"
            if (await self._ask(post.author, "PUT", path, json={"audience": audience})).is_success:
                post.audience = audience

    async def _programs_move(self) -> None:
        """A program has a new version, is forced offline, is suspended, or comes back."""
        program_id = self.rng.choice(PROGRAMS)
        program = self.world.programs[program_id]
        if program.state == "suspended":
            await self._deliver(ProgramResumed(program_id=program_id))
            program.state = "released"
        elif program.state == "offline" or self.rng.random() < 0.4:
            program.version, program.state = program.version + 1, "released"
            await self._deliver(_released(program_id, program.version))
        elif self.rng.random() < 0.5:
            program.state = "offline"
            gone = VersionForcedOffline(program_id=program_id, version=program.version, reason="false_promises")
            await self._deliver(gone)
        else:
            program.state = "suspended"
            await self._deliver(ProgramSuspended(program_id=program_id, reason="security_incident"))

    async def _pay(self) -> None:
        """A program pays for a place."""
        spend_id, placement = f"s-{next(self._names)}", self.rng.choice(("home", "square", "for_you"))
        paid = TrafficReserved(
            program_id=self.rng.choice(PROGRAMS), spend_id=spend_id, pv=9, placement=placement, promotion_id=spend_id,
            ends_at=datetime.now(UTC) + _HOUR,
        )  # fmt: skip
        await self._deliver(paid)

    async def _begin_walk(self) -> None:
        if len(self.walks) < _WALKS_MAX:
            walk = Walk(self.world, self.rng.choice(PEOPLE), self.rng.choice(LISTS))
            self.walks.append(walk)
            await self._next_page(walk)

    async def _walk_on(self) -> None:
        if not self.walks:
            await self._begin_walk()
        else:
            walk = self.rng.choice(self.walks)
            if self.rng.random() < 0.1:
                await self._try_anothers(walk)
            await self._next_page(walk)

    async def _next_page(self, walk: Walk) -> None:
        answer = await self._page_for(walk.reader, walk)
        assert answer.status_code == _OK, answer.text
        page = answer.json()
        walk.take(page)
        self.pages += 1
        posts = [item["post"] for item in page["items"]] if "items" in page else page["posts"]
        self.touches += [Shown(walk.reader, post["post_id"], post["touch"]) for post in posts]
        self.touches = self.touches[-80:]
        if walk.cursor is None:
            self.walks.remove(walk)
            self.ended += 1

    async def _page_for(self, who: str, walk: Walk) -> httpx.Response:
        query: dict[str, Any] = {"limit": self.rng.randint(1, 4)} | ({"cursor": walk.cursor} if walk.cursor else {})
        if walk.listing == "timeline":
            return await self._ask(who, "GET", f"/v1/accounts/{who}/timeline", params=query)
        if walk.listing == "newest":
            return await self._ask(
                who, "GET", f"/v1/accounts/{who}/placements/home", params=query | {"order": "newest"}
            )
        return await self._ask(who, "GET", f"/v1/accounts/{who}/placements/{walk.listing}", params=query)

    async def _try_anothers(self, walk: Walk) -> None:
        """Another reader, or another list, gets nothing for a cursor."""
        thief = self.rng.choice([each for each in PEOPLE if each != walk.reader])
        theirs = Walk(self.world, thief, walk.listing, walk.cursor)
        found = await self._page_for(thief, theirs) if walk.cursor else None
        held(found is None or found.status_code == _REFUSED, "F3", f"{thief} reads on where {walk.reader} stood")

    async def _report(self) -> None:
        """A reader reports what they saw, some of it again, and something that was never served to them."""
        if not self.touches:
            return
        reader = self.rng.choice(self.touches).reader
        mine = [(post_id, touch) for who, post_id, touch in self.touches if who == reader]
        some = {(*self.rng.choice(mine), self.rng.choice(("impression", "open", "impression"))) for _ in range(4)}
        body: dict[str, Any] = {
            "viewer_id": reader,
            "interactions": [{"touch": touch, "kind": kind} for _, touch, kind in sorted(some)],
        }
        forged = [touch for who, _, touch in self.touches if who != reader][:1]
        body["interactions"] += [{"touch": touch, "kind": "open"} for touch in forged]
        answer = await self._ask(reader, "POST", "/v1/interactions", json=body)
        believed = [each for each in some if not self.world.post(each[0]).deleted]
        wrong = answer.is_success and len(answer.json()["refused"]) != len(forged) + len(some) - len(believed)
        held(not wrong, "F4", f"of {body} others were believed: {answer.text}")
        for _, touch, kind in believed:
            self.ledger.report(touch, kind)

    async def _tap(self) -> None:
        """A reader opens a card that they were shown, perhaps long ago."""
        if not self.touches:
            return
        reader, post_id, touch = self.rng.choice(self.touches)
        post = self.world.post(post_id)
        program = self.world.program_of(post)
        answer = await self._ask(
            reader, "POST", f"/v1/posts/{post_id}/card/taps", json={"viewer_id": reader, "touch": touch}
        )
        may = self.world.readable(reader, post) and not post.root.deleted and self.world.among(reader, post.root)
        may = may and program is not None and program.state == "released"
        held((answer.status_code == _TAPPED) is may, "F6", f"{reader} taps {post_id} of {program}: {answer.text}")
        if may and program:
            held(answer.json()["version"] == program.version, "F6", f"{reader} opens {answer.text} of {program}")
            self.ledger.report(touch, "click" if (reader, post_id) in self.tapped else "tap")
            self.tapped.add((reader, post_id))

    async def _consume(self, *, everything: bool = False) -> None:
        """What the feed published for itself comes, in any order, some of it twice."""
        rows = await self.pool.fetch(
            "SELECT id, event_id::text, type, payload FROM outbox WHERE topic = ANY ($1) AND id > $2 ORDER BY id",
            _TOPICS, self.consumed,
        )  # fmt: skip
        wanted = [row for row in rows if event_class(row["type"]) in handlers.by_type]
        again = self.rng.sample(wanted, len(wanted) // 3)
        received = [a_received(event_class(row["type"]).model_validate_json(row["payload"]), id=row["event_id"])
                    for row in (*wanted, *again)]  # fmt: skip
        self.rng.shuffle(received)
        for start in range(0, len(received), 7):
            await self._deliver(*received[start : start + 7])
        self.consumed = max([self.consumed, *(row["id"] for row in rows)])
        if everything and rows:
            await self._consume(everything=True)


def _released(program_id: str, version: int) -> VersionReleased:
    return VersionReleased(
        program_id=program_id, merchant_id="shop", version=version, title=program_id, page="pages/x", offers=()
    )


def _discovered(post: ModelPost, version: int) -> ServiceDiscovered:
    return ServiceDiscovered(
        post_id=post.post_id, program_id=post.program_id or "", merchant_id="shop", version=version, title="x", page="pages/x",
        matched_by="program",
    )  # fmt: skip
