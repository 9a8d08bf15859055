"""Rights of an agreement: used by the member, or by the merchant with a code that the member shows; taken back."""

import secrets
from typing import Annotated

from fastapi import Request, Response
from pydantic import ConfigDict, StringConstraints

from lutong_chassis import Ask, Command, Problem, allowed, audited, not_audited
from lutong_contracts.values import Identifier
from lutong_membership.agreements.domain.codes import IssueCode
from lutong_membership.agreements.domain.rights import Chooser, TakeBackUse, UseRight
from lutong_membership.agreements.handlers.rights import CodeView, UseView
from lutong_membership.bodies import example, router

RANDOM_BYTES = 16 + 32


class UseRequest(Command):
    """The use of a right, under an id that the caller chooses; a merchant adds the code that the member showed."""

    model_config = ConfigDict(json_schema_extra=example(use_id="use-1"))

    use_id: Identifier
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{10}$")] | None = None


@router.post("/v1/agreements/{agreement_id}/rights/{right_id}/codes", status_code=201, response_model=CodeView)
@allowed("member")
@not_audited("a code for a right of the member's own")
async def get_code(agreement_id: Identifier, right_id: Identifier, ask: Ask, request: Request) -> Response:
    """Get a code to show to the merchant: it confirms one use of this right. A new one replaces the one before."""
    if "idempotency-key" in request.headers:
        raise Problem(400, "key_not_taken", "a code is never kept: send no Idempotency-Key, and ask again for another")
    return await ask(IssueCode(agreement_id, right_id, secrets.token_bytes(RANDOM_BYTES)))


@router.post("/v1/agreements/{agreement_id}/rights/{right_id}/uses", status_code=201, response_model=UseView)
@allowed("member", "merchant", "operator")
@audited("right.use", "right.refuse_code", own="member", shows=("right_id", "use_id"))
async def use(agreement_id: Identifier, right_id: Identifier, command: UseRequest, ask: Ask) -> Response:
    """Use a right, as often as the plan allows. Who is not the member needs a code of the member's.

    The same use again is the same answer. A code that is wrong is refused, and counted: five end it.
    """
    return await ask(UseRight(agreement_id, right_id, command.use_id, command.code))


@router.delete("/v1/agreements/{agreement_id}/rights/{right_id}/uses/{use_id}", response_model=UseView)
@allowed("merchant", "operator")
@audited("right.take_back", shows=("right_id", "use_id"), reasoned=True)
async def unuse(
    agreement_id: Identifier, right_id: Identifier, use_id: Identifier, ask: Ask, chosen_by: Chooser = "merchant"
) -> Response:
    """Take the use of a right back: it was not enjoyed after all. `chosen_by` is who chose this id."""
    return await ask(TakeBackUse(agreement_id, right_id, use_id, chosen_by))
