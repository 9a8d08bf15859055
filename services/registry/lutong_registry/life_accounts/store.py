"""SQL of life accounts: their followers, policies, pushes, and the places that pushes take in calendar weeks."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import Sql, columns_of
from lutong_registry.life_accounts.domain import HOLDING, Policy, Push

_PUSH: Final = columns_of(Push)
_HOLDING: Final = ", ".join(f"'{state}'" for state in sorted(HOLDING))


class Account(NamedTuple):
    """An account as the feed published it."""

    account_id: str
    kind: str
    merchant_id: str | None
    program_ids: tuple[str, ...]


class Place(NamedTuple):
    """So many places in a calendar week of an account, which has `quota` of them."""

    account_id: str
    starts_at: datetime
    used: Annotated[int, Sql("integer")]
    quota: Annotated[int, Sql("integer")]


_PLACE: Final = columns_of(Place)


class Reaching(NamedTuple):
    """A push, whose, and the last follower who has it."""

    push_id: str
    account_id: str
    reached: str


_REACHING: Final = columns_of(Reaching)


class QuotaOverrunError(RuntimeError):
    """A place was taken that the quota does not have: a bug. Pushes of an account are decided behind the lock of its row."""


async def policies(tx: Reads) -> list[Policy]:
    """All policies there ever were, and will be."""
    rows = await tx.fetch("SELECT policy_id, effective_from, kind, quota FROM push_policy ORDER BY policy_id")
    return [Policy(*row) for row in rows]


async def add_policy(tx: Tx, policy: Policy) -> Policy:
    """One more policy, under a number of its own."""
    row = await tx.fetchrow(
        """
        INSERT INTO push_policy (effective_from, kind, quota) VALUES ($1, $2, $3)
        RETURNING policy_id, effective_from, kind, quota
        """,
        *policy[1:],
    )
    assert row is not None  # noqa: S101  # an INSERT gives its row
    return Policy(*row)


async def accounts(tx: Reads, account_ids: Iterable[str], *, lock: bool = False) -> dict[str, Account]:
    """Accounts by id; locked in key order, or not."""
    rows = await tx.fetch(
        f"""
        SELECT account_id, kind, merchant_id, program_ids
          FROM account WHERE account_id = ANY ($1) ORDER BY account_id {"FOR NO KEY UPDATE" if lock else ""}
        """,
        sorted(set(account_ids)),
    )
    return {row["account_id"]: _account(row) for row in rows}


def _account(row: asyncpg.Record) -> Account:
    return Account(row["account_id"], row["kind"], row["merchant_id"], tuple(row["program_ids"]))


async def bound_to(tx: Reads, program_id: str) -> list[Account]:
    """Enterprise accounts that a program is bound to, and those of its merchant that name no program."""
    rows = await tx.fetch(
        """
        SELECT account_id, kind, account.merchant_id, program_ids
          FROM account JOIN program USING (merchant_id)
         WHERE program_id = $1 AND kind = 'enterprise' AND (program_ids = '{}' OR $1 = ANY (program_ids))
         ORDER BY account_id
         LIMIT 20
        """,
        program_id,
    )
    return [_account(row) for row in rows]


async def accounts_of(tx: Reads, merchant_id: str) -> list[Account]:
    """The enterprise accounts of a merchant, by id."""
    rows = await tx.fetch(
        """
        SELECT account_id, kind, merchant_id, program_ids
          FROM account
         WHERE merchant_id = $1 AND kind = 'enterprise'
         ORDER BY account_id
         LIMIT 100
        """,
        merchant_id,
    )
    return [_account(row) for row in rows]


async def pushes(tx: Reads, push_ids: Iterable[str], *, lock: bool = False) -> dict[str, Push]:
    """Pushes by id; locked in key order, or not."""
    rows = await tx.fetch(
        f"SELECT {_PUSH.names} FROM push WHERE push_id = ANY ($1) ORDER BY push_id {'FOR UPDATE' if lock else ''}",
        sorted(set(push_ids)),
    )
    return {row["push_id"]: Push(*row) for row in rows}


async def pushes_of(tx: Reads, account_id: str, limit: int) -> list[Push]:
    """The latest pushes of an account."""
    rows = await tx.fetch(
        f"SELECT {_PUSH.names} FROM push WHERE account_id = $1 ORDER BY drafted_at DESC, push_id LIMIT $2",
        account_id,
        limit,
    )
    return [Push(*row) for row in rows]


async def holding(tx: Reads, account_ids: Iterable[str], now: datetime) -> list[Push]:
    """Pushes of accounts that have a place in the quota of any window that a push from now on may be in."""
    rows = await tx.fetch(
        f"""
        SELECT {_PUSH.names} FROM push
         WHERE account_id = ANY ($1) AND counts_at > $2::timestamptz - interval '14 days' AND state IN ({_HOLDING})
        """,
        sorted(set(account_ids)),
        now,
    )
    return [Push(*row) for row in rows]


async def save_draft(tx: Tx, push: Push) -> bool:
    """Create a draft, or change it; gives False when a push of this id is of another account or no draft any more."""
    return (
        await tx.fetchval(
            """
            INSERT INTO push AS known (push_id, account_id, program_id, title, body) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (push_id) DO UPDATE
               SET program_id = excluded.program_id, title = excluded.title, body = excluded.body
             WHERE known.account_id = excluded.account_id AND known.state = 'draft'
            RETURNING true
            """,
            *push[:5],
        )
        is True
    )


async def numbers(tx: Tx, count: int) -> list[int]:
    """So many fresh numbers, growing. Taken behind the locks of the accounts: among pushes of one, a later one has a larger one."""
    rows = await tx.fetch("SELECT nextval('push_number') AS number FROM generate_series(1, $1)", count)
    return sorted(row["number"] for row in rows)


async def save_pushes(tx: Tx, changed: Sequence[Push]) -> None:
    """Keep what became of pushes that are locked."""
    fields = [name for name in _PUSH.fields if name not in {"push_id", "account_id", "program_id", "title", "body"}]
    await tx.execute(
        f"""
        UPDATE push SET {", ".join(f"{name} = given.{name}" for name in fields)}
          FROM {_PUSH.unnest()} WHERE push.push_id = given.push_id
        """,
        *_PUSH.arrays(sorted(changed)),
    )


async def take_places(tx: Tx, places: Sequence[Place]) -> None:
    """Take places in calendar weeks: all of them, or `QuotaOverrunError`. The CHECK of the table is a second wall."""
    if not places:
        return
    rows = await tx.fetch(
        f"""
        INSERT INTO push_window AS known ({_PLACE.names})
        SELECT account_id, starts_at, sum(used)::integer, max(quota) FROM {_PLACE.unnest()} GROUP BY 1, 2 ORDER BY 1, 2
            ON CONFLICT (account_id, starts_at) DO UPDATE
           SET used = known.used + excluded.used, quota = greatest(known.quota, excluded.quota)
         WHERE known.used + excluded.used <= excluded.quota
        RETURNING account_id
        """,
        *_PLACE.arrays(places),
    )
    if len(rows) < len({each[:2] for each in places}):
        raise QuotaOverrunError("more pushes were to be reserved than the quota has places")


async def free_places(tx: Tx, places: Sequence[Place]) -> None:
    """Give places in calendar weeks back."""
    if not places:
        return
    await tx.execute(
        f"""
        UPDATE push_window SET used = push_window.used - freed.used
          FROM (SELECT account_id, starts_at, sum(used) AS used FROM {_PLACE.unnest()} GROUP BY 1, 2) AS freed
         WHERE (push_window.account_id, push_window.starts_at) = (freed.account_id, freed.starts_at)
        """,
        *_PLACE.arrays(places),
    )


async def next_followers(tx: Reads, reaching: Sequence[Reaching], chunk: int) -> dict[str, list[str]]:
    """By push, the next followers of its account, in the order of their ids."""
    rows = await tx.fetch(
        f"""
        SELECT push_id, follower_id
          FROM {_REACHING.unnest()}
          CROSS JOIN LATERAL (
              SELECT follower_id FROM follower
               WHERE follower.account_id = given.account_id AND follower_id > given.reached COLLATE "C"
               ORDER BY follower_id LIMIT {chunk:d}) AS following
         ORDER BY push_id, follower_id
        """,
        *_REACHING.arrays(reaching),
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["push_id"], []).append(row["follower_id"])
    return found


async def received(tx: Reads, viewer_id: str, limit: int) -> list[Push]:
    """Pushes that reached a viewer, newest first: of accounts that they follow, since before it began, and none that was recalled."""
    rows = await tx.fetch(
        f"""
        SELECT {", ".join(f"push.{name}" for name in _PUSH.fields)}
          FROM follower JOIN push USING (account_id)
         WHERE follower_id = $1 AND push.state IN ('sending', 'sent', 'partial')
           AND follower_id <= push.reached AND since <= push.started_at
         ORDER BY started_at DESC, push_id
         LIMIT $2
        """,
        viewer_id,
        limit,
    )
    return [Push(*row) for row in rows]
