"""Light stores: their rows, the edits of their merchants, and what their programs were made of."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from lutong_chassis import Reads, Tx, columns
from lutong_chassis.rows import columns_of
from lutong_registry.light_stores.domain.rendering import Fields, Row


class StoreKey(NamedTuple):
    """Which light store."""

    template_id: str
    store_id: str


class PlaceKey(NamedTuple):
    """Which location of which merchant."""

    merchant_id: str
    location_id: str


class LightStore(NamedTuple):
    """A light store. Version `program_version` of its program is the render of `version`, row and edits."""

    template_id: str
    store_id: str
    merchant_id: str
    program_id: str
    line: int
    name: str
    hours: str | None
    city: str | None
    overrides: str
    edits: str
    version: int
    former_version: int | None
    program_version: int
    digest: str
    conflicts: str
    attached: bool
    rollout_id: str | None
    problem: str | None

    @property
    def row(self) -> Row:
        """What the brand set for it."""
        return Row(self.store_id, self.name, self.hours, self.city, orjson.loads(self.overrides))

    @property
    def edited(self) -> Fields:
        """What its merchant set for it."""
        found: Fields = orjson.loads(self.edits)
        return found


class Released(NamedTuple):
    """The version in force of a program, whether another one is in review, and why it is suspended."""

    number: int | None
    in_review: bool
    suspended_for: str | None


class NearbyRow(NamedTuple):
    """A light store and how far it is."""

    program_id: str
    store_id: str
    title: str
    page: str
    distance_m: int


_STORE: Final = columns_of(LightStore)
_LOCKED: Final = f"""
        SELECT {_STORE.names} FROM light_store JOIN following USING (store_id)
         WHERE template_id = $1
         ORDER BY template_id, store_id
           FOR UPDATE OF light_store
"""
"""Locks stores that were chosen by their place in line in the order of their keys, as everything else does."""


async def lock_stores(tx: Tx, keys: Iterable[StoreKey]) -> dict[StoreKey, LightStore]:
    """Light stores by template and store, locked in key order."""
    rows = await tx.fetch(
        f"""
        SELECT {_STORE.names}
          FROM light_store
         WHERE (template_id, store_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY template_id, store_id
           FOR UPDATE
        """,
        *columns(sorted(keys), 2),
    )
    return {StoreKey(row["template_id"], row["store_id"]): _store(row) for row in rows}


async def lock_stores_at(tx: Tx, places: Iterable[PlaceKey]) -> list[LightStore]:
    """Attached light stores of locations, locked in key order."""
    rows = await tx.fetch(
        f"""
        SELECT {_STORE.names}
          FROM light_store
         WHERE (merchant_id, store_id) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND attached
         ORDER BY template_id, store_id
           FOR UPDATE
        """,
        *columns(sorted(set(places)), 2),
    )
    return [_store(row) for row in rows]


async def lock_next(  # one parameter per condition
    tx: Tx, template_id: str, bound: int, version: int, rollout_id: str, limit: int
) -> list[LightStore]:
    """Attached stores up to a place in line that have another version and were not tried in this rollout, locked."""
    rows = await tx.fetch(
        f"""
        WITH following AS MATERIALIZED (
            SELECT store_id
              FROM light_store
             WHERE template_id = $1 AND attached AND line <= $2 AND version <> $3 AND rollout_id IS DISTINCT FROM $4
             ORDER BY line
             LIMIT $5
        )
        {_LOCKED}
        """,
        template_id,
        bound,
        version,
        rollout_id,
        limit,
    )
    return [_store(row) for row in rows]


async def lock_upgraded(tx: Tx, template_id: str, version: int, rollout_id: str, limit: int) -> list[LightStore]:
    """Attached stores that got a version in a rollout and have it still, locked."""
    rows = await tx.fetch(
        f"""
        WITH following AS MATERIALIZED (
            SELECT store_id
              FROM light_store
             WHERE template_id = $1 AND attached AND version = $2 AND rollout_id = $3 AND former_version IS NOT NULL
             ORDER BY line
             LIMIT $4
        )
        {_LOCKED}
        """,
        template_id,
        version,
        rollout_id,
        limit,
    )
    return [_store(row) for row in rows]


async def bound_of(tx: Tx, template_id: str, stores: int) -> int:
    """The place in line of the last of so many stores, from the first one on."""
    found = await tx.fetchval(
        """
        SELECT max(line)
          FROM (SELECT line FROM light_store WHERE template_id = $1 AND attached ORDER BY line LIMIT $2) AS first
        """,
        template_id,
        stores,
    )
    return int(found or 0)


async def suspended_in(tx: Tx, rollout_id: str, reasons: Iterable[str]) -> list[str]:
    """Stores that got their version in a rollout and were suspended since, for another reason than these."""
    rows = await tx.fetch(
        """
        SELECT store_id
          FROM light_store JOIN program USING (program_id)
         WHERE rollout_id = $1 AND former_version IS NOT NULL AND suspended_for <> ALL ($2)
         ORDER BY store_id
        """,
        rollout_id,
        sorted(reasons),
    )
    return [row["store_id"] for row in rows]


async def page(tx: Reads, template_id: str, after: str, limit: int) -> list[LightStore]:
    """Attached stores of a template behind one, in the order of their ids."""
    rows = await tx.fetch(
        f"""
        SELECT {_STORE.names}
          FROM light_store
         WHERE template_id = $1 AND store_id > $2 AND attached
         ORDER BY store_id
         LIMIT $3
        """,
        template_id,
        after,
        limit,
    )
    return [_store(row) for row in rows]


async def nearest(tx: Reads, merchant_id: str, latitude: float, longitude: float, limit: int) -> list[NearbyRow]:
    """The light stores of a merchant that can be opened, the nearest first (haversine, in metres). All of its places are looked at."""
    rows = await tx.fetch(
        """
        SELECT program_id, store_id, title, page, distance_m
          FROM light_store
          JOIN listing USING (program_id)
          JOIN place ON place.merchant_id = light_store.merchant_id AND place.location_id = light_store.store_id
         CROSS JOIN LATERAL (
               SELECT (2 * 6371000 * asin(least(1, sqrt(
                          sin(radians(latitude - $2) / 2) ^ 2
                          + cos(radians($2)) * cos(radians(latitude)) * sin(radians(longitude - $3) / 2) ^ 2
                      ))))::bigint AS distance_m) AS away
         WHERE light_store.merchant_id = $1 AND attached AND visible
         ORDER BY distance_m, program_id
         LIMIT $4
        """,
        merchant_id,
        latitude,
        longitude,
        limit,
    )
    return [NearbyRow(**dict(row)) for row in rows]


async def store(tx: Reads, template_id: str, store_id: str) -> LightStore | None:
    """A light store, not locked."""
    row = await tx.fetchrow(
        f"SELECT {_STORE.names} FROM light_store WHERE template_id = $1 AND store_id = $2", template_id, store_id
    )
    return _store(row) if row else None


async def released(tx: Reads, program_ids: Iterable[str]) -> dict[str, Released]:
    """What is in force of programs, and in review."""
    rows = await tx.fetch(
        """
        SELECT program_id, suspended_for,
               (SELECT number FROM version WHERE version.program_id = program.program_id AND state = 'released') AS number,
               EXISTS (SELECT FROM version WHERE version.program_id = program.program_id
                          AND state IN ('submitted', 'approved')) AS in_review
          FROM program
         WHERE program_id = ANY ($1)
        """,
        sorted(set(program_ids)),
    )
    return {row["program_id"]: Released(row["number"], row["in_review"], row["suspended_for"]) for row in rows}


async def in_force(tx: Reads, program_id: str) -> Fields:
    """The manifest of a program's version in force; empty when there is none."""
    found = await tx.fetchval("SELECT manifest FROM version WHERE program_id = $1 AND state = 'released'", program_id)
    manifest: Fields = orjson.loads(found) if found else {}
    return manifest


async def save_stores(tx: Tx, stores: Sequence[LightStore]) -> None:
    """Keep light stores as they are now."""
    if not stores:
        return
    await tx.execute(
        f"""
        INSERT INTO light_store ({_STORE.names})
        SELECT {_STORE.names} FROM {_STORE.unnest()}
            ON CONFLICT (template_id, store_id) DO UPDATE
           SET name = excluded.name, hours = excluded.hours, city = excluded.city, overrides = excluded.overrides,
               edits = excluded.edits, version = excluded.version, former_version = excluded.former_version,
               program_version = excluded.program_version, digest = excluded.digest, conflicts = excluded.conflicts,
               attached = excluded.attached, rollout_id = excluded.rollout_id, problem = excluded.problem
        """,
        *_STORE.arrays(sorted(stores)),
    )


async def places(tx: Tx, keys: Iterable[PlaceKey]) -> dict[PlaceKey, str]:
    """The states of locations, by merchant and id; those that are known."""
    rows = await tx.fetch(
        """
        SELECT merchant_id, location_id, state
          FROM place
         WHERE (merchant_id, location_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        """,
        *columns(sorted(set(keys)), 2),
    )
    return {PlaceKey(row["merchant_id"], row["location_id"]): row["state"] for row in rows}


def _store(row: asyncpg.Record) -> LightStore:
    found: dict[str, Any] = dict(row)
    return LightStore(**found)
