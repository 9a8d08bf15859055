"""Agreements: looked at, signed, left; what they would come to."""

from dataclasses import asdict
from typing import Any

from fastapi import Response
from pydantic import ConfigDict, Field

from lutong_chassis import Ask, Command, Read, TxDependency, Who, allowed, audited, not_found
from lutong_contracts.values import Identifier
from lutong_membership.agreements.domain.sentences import ENTRIES, debt_name
from lutong_membership.agreements.domain.term import QuitAgreement, quoted
from lutong_membership.agreements.store import accounts as account_store
from lutong_membership.agreements.store import statements as statement_store
from lutong_membership.bodies import example, router
from lutong_membership.plans.domain.terms import TERMS
from lutong_membership.plans.store.plans import terms_of


class QuitRequest(Command):
    """What a member agrees to pay for leaving: see the quote first."""

    model_config = ConfigDict(json_schema_extra=example(accepted_charge_minor=1_180))

    accepted_charge_minor: int = Field(ge=0, le=10**12)


@router.get("/v1/agreements/{agreement_id}")
@allowed("member", "merchant", "viewer")
async def get_agreement(agreement_id: Identifier, who: Who, read: Read) -> dict[str, Any]:
    """An agreement and the terms that were signed."""
    found = await statement_store.agreement(read, agreement_id) or not_found("agreement", agreement_id)
    who.require(member=found.member_id, merchant=found.merchant_id, hide=("agreement", agreement_id))
    return found._asdict() | {"terms": TERMS.dump_python(terms_of(found.terms), mode="json")}


@router.get("/v1/agreements/{agreement_id}/quote")
@allowed("member", "merchant", "viewer")
async def get_quote(agreement_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """What the agreement would come to now, or came to, with proof of every unit: the function that settles answers."""
    account = await account_store.read_account(tx, agreement_id) or not_found("signed agreement", agreement_id)
    agreement = account.agreement
    if not who.acts_for(member=agreement.member_id, merchant=agreement.merchant_id):
        not_found("signed agreement", agreement_id)
    quote = quoted(account)
    charged = agreement.charge_minor
    return {
        "agreement_id": agreement_id,
        "state": agreement.state,
        "currency": account.plan.currency,
        **asdict(quote),
        "charge_minor": quote.charge_minor if charged is None else charged,
        "outstanding_minor": sum(debt.outstanding_minor for debt in account.debts.values()),
    }


@router.get("/v1/agreements/{agreement_id}/statement")
@allowed("member", "viewer")
async def get_statement(agreement_id: Identifier, who: Who, tx: TxDependency) -> dict[str, Any]:
    """Everything that was counted, owed, deducted and booked under an agreement. What is owed and booked has a `name` in words."""
    found = await statement_store.agreement(tx, agreement_id) or not_found("agreement", agreement_id)
    who.require(member=found.member_id, hide=("agreement", agreement_id))
    parts = await statement_store.statement(tx, agreement_id, found.member_id)
    for debt in parts["debts"]:
        debt["name"] = debt_name(debt["debt_id"], debt["kind"])._asdict()
    for entry in parts["entries"]:
        entry["name"] = ENTRIES[entry["kind"]]._asdict()
    return {"agreement_id": agreement_id, "currency": found.currency, **parts}


@router.post("/v1/agreements/{agreement_id}/quit", status_code=202, response_model=dict[str, Any])
@allowed("member", "operator")
@audited("agreement.quit", own="member")
async def quit_agreement(agreement_id: Identifier, leaving: QuitRequest, ask: Ask) -> Response:
    """Leave before the term is over. Refused when it would cost more than the member accepted: ask for a quote again."""
    return await ask(QuitAgreement(agreement_id, leaving.accepted_charge_minor))
