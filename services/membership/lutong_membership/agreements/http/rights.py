"""Rights of an agreement: used by the member, or by the merchant with a code that the member shows; taken back."""

import secrets
from datetime import datetime
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from lutong_chassis import Command, Problem, TxDependency, Who, allowed, audited, not_audited
from lutong_chassis.audit import Change, record
from lutong_chassis.http.problems import answer
from lutong_contracts.values import Identifier
from lutong_membership.agreements.domain.codes import made, shown, why_no_code
from lutong_membership.agreements.domain.rights import Chooser, take_back, use_right
from lutong_membership.agreements.domain.term import admit
from lutong_membership.agreements.http.commands import open_one, settle_command
from lutong_membership.agreements.store import codes as code_store
from lutong_membership.bodies import example, or_refused, router
from lutong_membership.policy import clock

RANDOM_BYTES = 16 + 32


class UseRequest(Command):
    """The use of a right, under an id that the caller chooses; a merchant adds the code that the member showed."""

    model_config = ConfigDict(json_schema_extra=example(use_id="use-1"))

    use_id: Identifier
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{10}$")] | None = None


class UseView(BaseModel):
    """A use that was counted."""

    agreement_id: str
    use_id: str


class CodeView(BaseModel):
    """A code, which is shown this once. It works once, until `expires_at`."""

    code: str
    expires_at: datetime


@router.post("/v1/agreements/{agreement_id}/rights/{right_id}/codes", status_code=201)
@allowed("member")
@not_audited("a code for a right of the member's own")
async def get_code(
    agreement_id: Identifier, right_id: Identifier, who: Who, tx: TxDependency, request: Request
) -> CodeView:
    """Get a code to show to the merchant: it confirms one use of this right. A new one replaces the one before."""
    if "idempotency-key" in request.headers:
        raise Problem(400, "key_not_taken", "a code is never kept: send no Idempotency-Key, and ask again for another")
    _, account = await open_one(tx, agreement_id, lambda one: who.acts_for(member=one.member_id))
    or_refused(why_no_code(account.plan, right_id))
    code, kept = made(agreement_id, right_id, secrets.token_bytes(RANDOM_BYTES), tx.now)
    await code_store.put_code(tx, kept)
    return CodeView(code=code, expires_at=kept.expires_at)


@router.post("/v1/agreements/{agreement_id}/rights/{right_id}/uses", status_code=201, response_model=UseView)
@allowed("member", "merchant", "operator")
@audited("right.use", "right.refuse_code", own="member", shows=("right_id", "use_id"))
async def use(
    agreement_id: Identifier, right_id: Identifier, command: UseRequest, who: Who, tx: TxDependency
) -> UseView | Response:
    """Use a right, as often as the plan allows. Who is not the member needs a code of the member's.

    The same use again is the same answer. A code that is wrong is refused, and counted: five end it.
    """
    work, account = await open_one(
        tx, agreement_id, lambda one: who.acts_for(member=one.member_id, merchant=one.merchant_id)
    )
    by: Chooser = "member" if who.member_id == account.agreement.member_id else "merchant"
    used = or_refused(use_right(account, right_id, command.use_id, by, clock(tx)))
    if used is None:  # the same use again
        return UseView(agreement_id=agreement_id, use_id=command.use_id)
    if by != "member":
        kept, refusal = shown(await code_store.lock_code(tx, agreement_id, right_id), command.code, tx.now)
        if kept:
            await code_store.save_code(tx, kept)
        if refusal:  # answered, not raised: the guess is counted
            facts = _facts(right_id, command.use_id)
            await record(tx, who, Change("right.refuse_code", f"agreement:{agreement_id}", None, None, facts))
            return answer(Problem(409, refusal.kind, refusal.detail))
    await settle_command(tx, work, admit(account, used.accrual, clock(tx), used.event))
    if by != "member":
        facts = _facts(right_id, command.use_id)
        await record(tx, who, Change("right.use", f"agreement:{agreement_id}", None, None, facts))
    return UseView(agreement_id=agreement_id, use_id=command.use_id)


@router.delete("/v1/agreements/{agreement_id}/rights/{right_id}/uses/{use_id}")
@allowed("merchant", "operator")
@audited("right.take_back", shows=("right_id", "use_id"), reasoned=True)
async def unuse(  # a path, who chose its last part, and who asks
    agreement_id: Identifier,
    right_id: Identifier,
    use_id: Identifier,
    who: Who,
    tx: TxDependency,
    chosen_by: Chooser = "merchant",
) -> UseView:
    """Take the use of a right back: it was not enjoyed after all. `chosen_by` is who chose this id."""
    work, account = await open_one(tx, agreement_id, lambda one: who.acts_for(merchant=one.merchant_id))
    used = or_refused(take_back(account, right_id, use_id, chosen_by, clock(tx)))
    await settle_command(tx, work, admit(account, used.accrual, clock(tx), used.event))
    await record(tx, who, Change("right.take_back", f"agreement:{agreement_id}", None, _facts(right_id, use_id)))
    return UseView(agreement_id=agreement_id, use_id=use_id)


def _facts(right_id: str, use_id: str) -> dict[str, object]:
    return {"right_id": right_id, "use_id": use_id}
