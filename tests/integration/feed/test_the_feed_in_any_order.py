"""Whatever is published, reposted, edited, deleted, followed, blocked and muted, in any order: readers see what the model has.

Each mutant breaks one rule in the database, behind the code's back, and is caught.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer
from tests.model.feed import ModelFeed, ModelPost, Seen

PEOPLE: Final = ("ann", "bo", "cy")
SEEDS: Final = (1, 2)
STEPS: Final = 120
MUTANTS: Final = {
    "the deleted stands": ("post", "UPDATE", "NEW.deleted_at := NULL; NEW.deleted_by := NULL; NEW.deleted_for := NULL"),
    "an edit is lost": ("post", "UPDATE", "IF NEW.deleted_at IS NULL THEN NEW.text := OLD.text; END IF"),
    "a block is a mute": ("kept_apart", "INSERT", "NEW.kind := 'mute'"),
    "a mute is lost": ("kept_apart", "INSERT", "IF NEW.kind = 'mute' THEN RETURN NULL; END IF"),
    "a repost hangs at its parent": ("repost", "INSERT", "NEW.root_id := NEW.parent_id; NEW.depth := 1"),
    "a post is out of order": ("post", "INSERT", "NEW.published_at := now() - random() * interval '1 day'"),
    "a follow is lost": ("follow", "INSERT", "RETURN NULL"),
}


@dataclass(slots=True)
class Machine:
    """A feed and its model, which the same happens to."""

    client: httpx.AsyncClient
    rng: Random
    model: ModelFeed = field(default_factory=ModelFeed)
    intruders: list[tuple[str, str]] = field(default_factory=list)

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:  # noqa: ANN401  # JSON
        return await self.client.request(method, path, json=body, headers=bearer(a_member(who)))

    async def publish(self) -> None:
        who, parent = self.rng.choice(PEOPLE), None
        if self.model.posts and self.rng.random() < 0.5:
            parent = self.rng.choice(self.model.posts)
        number = len(self.model.posts)
        body = {"author_id": who, "text": f"text {number}", "post_id": f"p-{number}", "card": "none"}
        answer = await self.ask(who, "POST", "/v1/posts", body | ({"parent_id": parent.post_id} if parent else {}))
        allowed = parent is None or self.model.may_repost(who, parent)
        assert (answer.status_code == 201) is allowed, answer.text
        if allowed:
            self.model.posts.append(ModelPost(f"p-{number}", who, [f"text {number}"], parent))

    async def edit(self) -> None:
        if self.model.posts:
            post = self.rng.choice(self.model.posts)
            text = f"{post.post_id} edited {self.rng.randint(0, 9)}"
            answer = await self.ask(post.author, "PATCH", f"/v1/posts/{post.post_id}", {"text": text})
            assert answer.status_code == (410 if post.deleted else 200)
            if not post.deleted and post.texts[-1] != text:
                post.texts.append(text)

    async def delete(self) -> None:
        if self.model.posts:
            post = self.rng.choice(self.model.posts)
            assert (await self.ask(post.author, "DELETE", f"/v1/posts/{post.post_id}")).status_code == 204
            post.deleted = True

    async def relate(self) -> None:
        one, other = self.rng.sample(PEOPLE, 2)
        what = self.rng.choices(("follows", "mutes", "blocks"), (5, 2, 2))[0]
        ending = self.rng.random() < (0.8 if what == "blocks" else 0.3)
        method = "DELETE" if ending else "PUT"
        answer = await self.ask(one, method, f"/v1/accounts/{one}/{what}/{other}")
        kept = {"follows": self.model.follows, "blocks": self.model.blocks, "mutes": self.model.mutes}[what]
        if method == "DELETE":
            kept.discard((one, other))
        elif what == "blocks":
            self.model.block(one, other)
        elif what == "follows" and self.model.blocked(one, other):
            assert answer.status_code == 409
            return
        else:
            kept.add((one, other))
        assert answer.status_code == 204, answer.text

    async def walk(self, path: str, who: str) -> list[Seen]:
        """All pages of a list, while others publish on it."""
        found: list[Seen] = []
        query = f"?limit={self.rng.randint(2, 9)}"
        cursor = ""
        while True:
            page, _ = await asyncio.gather(self.ask(who, "GET", path + query + cursor), self.intrude())
            assert page.status_code == 200, page.text
            answer = page.json()
            found += [seen for each in answer["posts"] if (seen := as_seen(each)).text != "meanwhile"]
            if answer["next_cursor"] is None:
                return found
            cursor = f"&cursor={answer['next_cursor']}"

    async def intrude(self) -> None:
        """Somewhere on the lists that are walked, a post comes meanwhile: no walk skips or repeats another one for it."""
        who = self.rng.choice(PEOPLE)
        self.intruders.append((who, f"meanwhile-{self.rng.getrandbits(64)}"))
        body = {"author_id": who, "text": "meanwhile", "card": "none", "post_id": self.intruders[-1][1]}
        assert (await self.ask(who, "POST", "/v1/posts", body)).status_code == 201

    async def look(self) -> None:
        """Each reader sees what the model has, on every list and by itself."""
        for viewer in PEOPLE:
            assert await self.walk(f"/v1/accounts/{viewer}/timeline", viewer) == self.model.timeline(viewer)
            author = self.rng.choice(PEOPLE)
            assert await self.walk(f"/v1/accounts/{author}/posts", viewer) == self.model.page_of(viewer, author)
        for post in self.rng.sample(self.model.posts, min(5, len(self.model.posts))):
            viewer = self.rng.choice(PEOPLE)
            answer = await self.ask(viewer, "GET", f"/v1/posts/{post.post_id}")
            assert (answer.status_code == 200) is self.model.readable(viewer, post), (viewer, post, answer.text)
        for who, post_id in self.intruders:
            assert (await self.ask(who, "DELETE", f"/v1/posts/{post_id}")).status_code == 204
        self.intruders.clear()

    async def run(self, steps: int) -> None:
        """Steps, and a look now and then."""
        for number in range(1, steps + 1):
            doing = self.rng.choices((self.publish, self.relate, self.edit, self.delete), (5, 4, 2, 1))[0]
            await doing()
            if number % 12 == 0:
                await self.look()


def as_seen(post: dict[str, Any]) -> Seen:
    """A post of an answer, by what the model has of it."""
    above = post["repost"] or {}
    names = ("root_id", "root_text", "root_deleted", "depth")
    return Seen(post["post_id"], post["text"], post["revision"], *(above.get(name) for name in names))


@pytest.mark.parametrize("seed", SEEDS)
async def test_readers_see_what_the_model_has(seed: int, client: httpx.AsyncClient) -> None:
    machine = Machine(client, Random(seed))
    await machine.run(STEPS)
    assert any(post.deleted for post in machine.model.posts)
    assert any(post.depth > 1 for post in machine.model.posts)


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_rule_that_is_broken_is_missed(name: str, client: httpx.AsyncClient, pool: Pool) -> None:
    table, event, body = MUTANTS[name]
    await pool.execute(
        f"""
        CREATE FUNCTION mutate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;
        CREATE TRIGGER mutant BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION mutate();
        """
    )
    with pytest.raises(AssertionError):
        await Machine(client, Random(SEEDS[0])).run(5 * STEPS)  # it ends where it misses something
