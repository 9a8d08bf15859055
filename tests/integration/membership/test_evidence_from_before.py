"""What was booked before evidence was kept: the migration finds out what was paid, and by whose decision."""

import asyncpg
from uuid_utils import uuid7

from lutong_chassis.testing import create_database, drop_database, migrate_database
from lutong_membership.app import service
from tests.conftest import Infrastructure

BEFORE = """
    INSERT INTO plan (plan_id, merchant_id, currency) VALUES ('light', 'shop', 'CNY');
    INSERT INTO plan_version (plan_id, version, title, line_limit_minor, terms) VALUES ('light', 1, 'x', 9000, '{}');
    INSERT INTO agreement (agreement_id, member_id, plan_id, merchant_id, state, signed_at, begins_at)
    VALUES ('a-1', 'm-1', 'light', 'shop', 'active', now(), now());
    INSERT INTO debt (debt_id, agreement_id, member_id, currency, kind, amount_minor, outstanding_minor, incurred_at)
    VALUES ('order:o-1', 'a-1', 'm-1', 'CNY', 'order', 1000, 100, now())
"""
ENTRIES = (
    ("repayment", "p-1", "order:o-1", (("owed:m-1", -600), ("platform:cash", 600))),
    ("waiver", "w-1", "order:o-1", (("owed:m-1", -100), ("platform:waivers", 100))),
    ("refund", "r-1", "order:o-1", (("owed:m-1", -200), ("merchant:shop:payable", 200))),
    ("refund_owed", "r-1", "order:o-1", (("merchant:shop:payable", 50), ("credit:m-1", -50))),
    ("payout", "out-1", None, (("credit:m-1", 50), ("platform:cash", -50))),
    ("line_changed", None, None, (("available:m-1", 5_000), ("platform:limits", -5_000))),
)


async def test_what_was_booked_before_has_evidence_afterwards(infrastructure: Infrastructure) -> None:
    name = f"before_{uuid7().hex[-8:]}"
    url = await create_database(infrastructure.admin_url, name)
    try:
        number = next(m.number for m in service.migrations if m.name == "move_money_on_evidence")
        older = [m for m in service.migrations if m.component != "membership" or m.number < number]
        await migrate_database(url, older)
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(BEFORE)
            for kind, reference, debt_id, legs in ENTRIES:
                entry = await connection.fetchval(
                    """
                    INSERT INTO entry (kind, member_id, currency, reference, debt_id) VALUES ($1, 'm-1', 'CNY', $2, $3)
                    RETURNING entry_id
                    """,
                    kind,
                    reference,
                    debt_id,
                )
                accounts, amounts = zip(*legs, strict=True)
                await connection.execute(
                    "INSERT INTO posting SELECT $1, * FROM unnest($2::text[], $3::bigint[])", entry, accounts, amounts
                )
            await migrate_database(url, service.migrations)
            assert await connection.fetchval("SELECT paid_minor FROM debt") == 550
            repaid = await connection.fetch("SELECT repayment_id, amount_minor, state, evidence FROM repayment")
            assert [tuple(row) for row in repaid] == [("p-1", 600, "confirmed", "before")]
            decided = await connection.fetch("SELECT kind, amount_minor, decided_by FROM decision ORDER BY kind")
            assert [tuple(row) for row in decided] == [
                ("line", 5_000, "before"),
                ("payout", 50, "before"),
                ("waiver", 100, "before"),
            ]
        finally:
            await connection.close()
    finally:
        await drop_database(infrastructure.admin_url, name)
