"""What operators and merchants did, written down in the transaction of its effect."""

from collections.abc import Mapping
from typing import NamedTuple

from lutong_chassis.auth import Principal
from lutong_chassis.database import Tx


class Change(NamedTuple):
    """One thing that was done: to what, why, and how it was before and afterwards."""

    action: str
    subject: str
    reason: str | None = None
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


async def record(tx: Tx, who: Principal, *changes: Change) -> None:
    """Write down what somebody does, under the subject of their token."""
    await tx.connection.executemany(
        "INSERT INTO audit (actor, action, subject, reason) VALUES ($1, $2, $3, $4)",
        [(who.subject, change.action, change.subject, change.reason or "") for change in changes],
    )
