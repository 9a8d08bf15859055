"""What may go wrong with life accounts and rewards, one thing at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.e2e.corrupting import Corrupt
from tests.support.looks import Look

MONDAY: Final = datetime(2026, 11, 29, 16, tzinfo=UTC)
"""Midnight in Shanghai."""


def pushed(
    *days: float, used: int | None = None, kind: str = "calendar_week", quota: int = 2, **push: Any
) -> Corrupt:  # whatever a column holds
    """Pushes of an account so many days after a Monday, and what is counted of that week; `push` changes the last one."""

    def corrupt(world: Look) -> None:
        tables = world.tables["registry"]
        tables["push_policy"].append({"policy_id": 7, "kind": kind, "quota": quota})
        row = {"account_id": "acme", "state": "sent", "policy_id": 7, "delivered": 1}
        for number, day in enumerate(days, 1):
            at = MONDAY + timedelta(days=day)
            tables["push"].append(row | {"push_id": f"p-{number}", "number": number, "counts_at": at})
        tables["push"][-1] |= push
        counted = sum(0 <= day < 7 for day in days) if used is None else used
        if kind == "calendar_week" and counted >= 0:
            tables["push_window"].append({"account_id": "acme", "starts_at": MONDAY, "used": counted})

    return corrupt
