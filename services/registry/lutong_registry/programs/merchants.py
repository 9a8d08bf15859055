"""Merchants, which the registry publishes, and the accounts that it consumes."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lutong_chassis import Tx, columns
from lutong_contracts.feed import AccountFacts
from lutong_contracts.registry import MerchantFacts


class MerchantRow(NamedTuple):
    """A merchant as it is wanted."""

    merchant_id: str
    name: str


async def save_merchants(tx: Tx, merchants: Sequence[MerchantRow]) -> list[MerchantFacts]:
    """Create or rename merchants; gives those that changed, as they are now."""
    rows = await tx.fetch(
        """
        INSERT INTO merchant (merchant_id, name)
        SELECT DISTINCT ON (merchant_id) merchant_id, name
          FROM unnest($1::text[], $2::text[]) AS given(merchant_id, name)
         ORDER BY merchant_id
            ON CONFLICT (merchant_id) DO UPDATE
           SET name = excluded.name, revision = merchant.revision + 1
         WHERE merchant.name <> excluded.name
        RETURNING merchant_id, name, revision
        """,
        *columns(merchants, 2),
    )
    return [MerchantFacts(merchant_id=row["merchant_id"], title=row["name"], revision=row["revision"]) for row in rows]


async def take_merchants(tx: Tx, merchants: Sequence[MerchantFacts]) -> None:
    """Take merchants from their topic, where it knows more than we do: after our database was lost."""
    latest = sorted({facts.merchant_id: facts for facts in sorted(merchants, key=_revision)}.items())
    await tx.execute(
        """
        INSERT INTO merchant (merchant_id, name, revision)
        SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])
            ON CONFLICT (merchant_id) DO UPDATE SET name = excluded.name, revision = excluded.revision
         WHERE merchant.revision < excluded.revision
        """,
        *columns([(key, facts.title, facts.revision) for key, facts in latest], 3),
    )


async def merchants_after(tx: Tx, after: str, limit: int) -> list[MerchantFacts]:
    """Merchants behind an id, in order, as they are until commit."""
    rows = await tx.fetch(
        """
        SELECT merchant_id, name, revision
          FROM merchant
         WHERE merchant_id > $1
         ORDER BY merchant_id
         LIMIT $2
           FOR SHARE
        """,
        after,
        limit,
    )
    return [MerchantFacts(merchant_id=row["merchant_id"], title=row["name"], revision=row["revision"]) for row in rows]


async def lock_merchants(tx: Tx, merchant_ids: Iterable[str]) -> dict[str, str]:
    """Names of merchants by id, locked in key order."""
    rows = await tx.fetch(
        "SELECT merchant_id, name FROM merchant WHERE merchant_id = ANY ($1) ORDER BY merchant_id FOR NO KEY UPDATE",
        sorted(set(merchant_ids)),
    )
    return {row["merchant_id"]: row["name"] for row in rows}


async def take_accounts(tx: Tx, accounts: Sequence[AccountFacts]) -> None:
    """Keep accounts as the feed last published them."""
    latest = sorted({facts.account_id: facts for facts in sorted(accounts, key=_revision)}.items())
    await tx.execute(
        """
        INSERT INTO account (account_id, kind, merchant_id, program_ids, revision)
        SELECT account_id, kind, merchant_id, string_to_array(program_ids, ' '), revision
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[])
               AS given(account_id, kind, merchant_id, program_ids, revision)
            ON CONFLICT (account_id) DO UPDATE
           SET kind = excluded.kind, merchant_id = excluded.merchant_id, program_ids = excluded.program_ids,
               revision = excluded.revision
         WHERE account.revision < excluded.revision
        """,
        *columns([(key, f.kind, f.merchant_id, " ".join(f.program_ids), f.revision) for key, f in latest], 5),
    )


def _revision(facts: MerchantFacts | AccountFacts) -> int:
    return facts.revision
