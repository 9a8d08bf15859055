"""Money and lines: what members pay back, what they are paid out, and how much they may use."""

from typing import Any

from pydantic import ConfigDict, Field

from lutong_chassis import TxDependency, Who, allowed, audited
from lutong_contracts.values import Identifier
from lutong_membership.agreements.domain.approvals import Adjustment
from lutong_membership.agreements.http.commands import LineView, locked_line, view
from lutong_membership.agreements.http.decisions import ACTIONS, SHOWN, Decided, decide
from lutong_membership.bodies import Currency, Minor, ReasonBody, example, router
from lutong_membership.ledger.store import entries as ledger_store


class Payout(ReasonBody):
    """Money that a member is given back, and why."""

    model_config = ConfigDict(json_schema_extra=example(amount_minor=500, reason="returned goods that were paid"))

    amount_minor: Minor
    currency: Currency = "CNY"


class Limit(ReasonBody):
    """A new limit for a member's line, and why."""

    model_config = ConfigDict(json_schema_extra=example(limit_minor=150_000, reason="pays on time for a year"))

    limit_minor: int = Field(ge=0, le=10**12)
    currency: Currency = "CNY"


class DecidedLine(LineView, Decided):
    """The line as it is now, and whether what was wanted is done, or waits for another operator."""


@router.post("/v1/members/{member_id}/payouts", status_code=201)
@allowed("operator")
@audited(*ACTIONS["payout"], shows=SHOWN)
async def pay_out(member_id: Identifier, payout: Payout, who: Who, tx: TxDependency) -> DecidedLine:
    """Pay a member what the platform owes them for money that came. Above the thresholds another operator has to approve.

    Send an Idempotency-Key: money moves once per key.
    """
    wanted = Adjustment(tx.new_id(), "payout", member_id, payout.currency, payout.amount_minor, payout.reason)
    return await _decide(tx, who, wanted)


@router.put("/v1/members/{member_id}/line")
@allowed("operator")
@audited(*ACTIONS["line"], shows=SHOWN)
async def put_line(member_id: Identifier, limit: Limit, who: Who, tx: TxDependency) -> DecidedLine:
    """Raise or lower a member's line. Above the thresholds another operator has to approve a raise.

    Below what is in use it falls step by step, and nothing new fits meanwhile.
    """
    wanted = Adjustment(tx.new_id(), "line", member_id, limit.currency, limit.limit_minor, limit.reason)
    return await _decide(tx, who, wanted)


async def _decide(tx: TxDependency, who: Who, wanted: Adjustment) -> DecidedLine:
    decided = await decide(tx, who, wanted)
    line = await locked_line(tx, wanted.member_id, wanted.currency)
    return DecidedLine(**view(line).model_dump(), **decided.model_dump())


@router.get("/v1/summary")
@allowed("viewer")
async def get_summary(tx: TxDependency) -> dict[str, Any]:
    """Counts and balances. `unbalanced_entries`, `lines_off_ledger` and `debts_off_lines` must be 0."""
    return await ledger_store.summary(tx)
