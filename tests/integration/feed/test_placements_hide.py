"""What must not be shown is in no placement, nor later in a walk that began before."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx
import pytest

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver
from lutong_contracts.registry import ProgramSuspended, VersionApproved, VersionForcedOffline
from lutong_feed.handlers import handlers
from tests.integration.feed.placing import HOME, a_card, ask, follow, ids, post, released, use, walked


async def hide(client: httpx.AsyncClient, pool: Pool, how: str, post_id: str) -> None:
    author, program_id = post_id.split("-")
    if how == "deleted":
        (await client.delete(f"/v1/posts/{post_id}", headers=bearer(a_member(author)))).raise_for_status()
    elif how in ("blocks", "mutes"):
        (await client.put(f"/v1/accounts/bo/{how}/{author}")).raise_for_status()
    elif how == "blocked":
        (await client.put(f"/v1/accounts/{author}/blocks/bo")).raise_for_status()
    elif how == "suspended":
        await deliver(pool, handlers, ProgramSuspended(program_id=program_id, reason="security_incident"))
    elif how == "offline":
        await deliver(pool, handlers, VersionForcedOffline(program_id=program_id, version=1, reason="false_promises"))
    else:
        (await client.post(f"/v1/posts/{post_id}/card/removal", json={"reason": "not_related"})).raise_for_status()


@pytest.mark.parametrize("how", ["deleted", "blocks", "blocked", "mutes", "suspended", "offline", "taken off"])
async def test_what_must_not_be_shown_is_in_no_placement(client: httpx.AsyncClient, pool: Pool, how: str) -> None:
    """Neither at the beginning of a walk nor in the rest of one that began before."""
    await follow(client, "bo", "ann", "cy")
    hidden, kept = await a_card(client, pool, "ann", "tea"), await a_card(client, pool, "cy", "milk")
    last = await a_card(client, pool, "bo", "fund")
    await use(client, pool, "bo", hidden, kept, last)
    (await client.put("/v1/accounts/cy", json={"name": "cy", "program_ids": ["tea", "milk"]})).raise_for_status()
    paths = [
        "/v1/accounts/cy/programs",
        *(f"/v1/accounts/bo/placements/{name}" for name in ("home", "square", "recent", "hottest", "for_you")),
    ]
    begun = {path: await ask(client, path, limit=1) for path in paths}
    for path in paths:
        assert hidden in await walked(client, path), path  # the control
    await hide(client, pool, how, hidden)
    for path in paths:
        still = await walked(client, path)
        post_stays = path == HOME and how in ("suspended", "offline", "taken off")
        own_page = how == "mutes" and path == paths[0]
        assert (hidden in still) == (post_stays or own_page), path
        if begun[path]["next_cursor"] and ids(begun[path]) != [hidden]:
            rest = (
                await walked(client, path, limit=1)
                if own_page
                else await _rest(client, path, begun[path]["next_cursor"])
            )
            assert (hidden in rest) == (post_stays or own_page), path
            assert kept in [*rest, *ids(begun[path])]


async def _rest(client: httpx.AsyncClient, path: str, cursor: str) -> list[str]:
    found = list[str]()
    while cursor:
        page = await ask(client, path, cursor=cursor, limit=1)
        found += ids(page)
        cursor = page["next_cursor"]
    return found


async def test_a_repost_of_who_is_blocked_is_not_ranked(client: httpx.AsyncClient) -> None:
    await follow(client, "bo", "cy")
    await post(client, "ann", "original")
    await post(client, "cy", "again", parent_id="original")
    assert ids(await ask(client, HOME)) == ["again"]
    (await client.put("/v1/accounts/ann/blocks/bo")).raise_for_status()
    assert ids(await ask(client, HOME)) == []


class Begun(NamedTuple):
    """A walk that a reader may go on with."""

    reader: str
    path: str
    cursor: str


@pytest.mark.parametrize("seed", range(3))
async def test_random_readers_are_served_nothing_hidden(client: httpx.AsyncClient, pool: Pool, seed: int) -> None:
    """F1: whatever is deleted, blocked, muted and taken off, in any order; walks that began before see it, too."""
    rng = random.Random(seed)
    people = ("ann", "bo", "cy")
    for reader in people:
        await follow(client, reader, *(each for each in people if each != reader))
    programs, alive = ("tea", "milk", "fund", "bath"), dict[str, str]()
    begun: list[Begun] = []
    for step in range(24):
        author, program = rng.choice(people), rng.choice(programs)
        post_id = await a_card(client, pool, author, program, f"{author}-{program}{step}")
        alive[post_id] = author
        if rng.random() < 0.5:
            gone = rng.choice(sorted(alive))
            (await client.delete(f"/v1/posts/{gone}", headers=bearer(a_member(alive.pop(gone))))).raise_for_status()
        if rng.random() < 0.15:
            one, other = rng.sample(people, 2)
            method = rng.choice(["PUT", "PUT", "DELETE"])
            (await client.request(method, f"/v1/accounts/{one}/blocks/{other}")).raise_for_status()
        blocks = {(row[0], row[1]) for row in await pool.fetch("SELECT account_id, other_id FROM kept_apart")}
        for reader in people:
            who = a_member(reader)
            path = f"/v1/accounts/{reader}/placements/{rng.choice(['home', 'square', 'for_you'])}"
            page = await ask(client, path, who, limit=2)
            later = [await ask(client, each.path, who, cursor=each.cursor) for each in begun if each.reader == reader]
            for found in (page, *later):
                _nothing_hidden(found, reader, alive, blocks)
            begun += [Begun(reader, path, found["next_cursor"]) for found in (page, *later) if found["next_cursor"]][:3]
        begun = begun[-9:]


def _nothing_hidden(page: dict[str, Any], reader: str, alive: dict[str, str], blocks: Sequence[Any] | set[Any]) -> None:
    for each in ids(page):
        assert each in alive
        assert not {(reader, alive[each]), (alive[each], reader)} & set(blocks)


async def test_what_one_audit_passed_is_recommended_to_nobody(client: httpx.AsyncClient, pool: Pool) -> None:
    """Who used it and whose account has it find it; once the second audit passed it, everybody is shown it."""
    tea = await a_card(client, pool, "ann", "tea")
    await use(client, pool, "bo", tea)
    (await client.put("/v1/accounts/cy", json={"name": "cy", "program_ids": ["tea"]})).raise_for_status()
    await follow(client, "bo", "cy")
    chosen = ["/v1/accounts/cy/programs", "/v1/accounts/bo/placements/recent"]
    paths = [*chosen, *(f"/v1/accounts/bo/placements/{name}" for name in ("square", "hottest", "for_you"))]

    async def shown() -> list[str]:
        return [path for path in paths if tea in await walked(client, path)]

    assert await shown() == paths  # the control
    await deliver(pool, handlers, released("tea").model_copy(update={"version": 2, "promotable": False}))
    assert await shown() == chosen
    await deliver(pool, handlers, VersionApproved(program_id="tea", version=1))
    assert await shown() == chosen  # of another version
    await deliver(pool, handlers, VersionApproved(program_id="tea", version=2))
    assert await shown() == paths
