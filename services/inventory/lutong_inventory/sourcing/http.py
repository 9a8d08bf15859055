"""By which rules the orders of a merchant are sourced, as far as it decides that itself."""

from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command, Read, TxDependency, Who, allowed, audited
from lutong_chassis.audit import Change, record
from lutong_contracts.values import Identifier
from lutong_inventory.bodies import router
from lutong_inventory.sourcing.store import rules as store


class SourcingRules(Command):
    """How many locations may serve one order: one is the rule, two to four let an order be split that none has as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parts_max": 2}]})

    parts_max: int = Field(ge=1, le=4)


class SourcingRulesView(BaseModel):
    """The rules as they are."""

    merchant_id: str
    parts_max: int


@router.put("/v1/merchants/{merchant_id}/sourcing-rules")
@allowed("merchant", "operator")
@audited("sourcing.set_rules", own="merchant", shows=("parts_max",))
async def set_rules(merchant_id: Identifier, rules: SourcingRules, who: Who, tx: TxDependency) -> SourcingRulesView:
    """Let orders be split, or not any more. Orders that are split already stay so."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    before = await store.set_parts_max(tx, merchant_id, rules.parts_max)
    if who.is_staff:
        effect = {"parts_max": before}, {"parts_max": rules.parts_max}
        await record(tx, who, Change("sourcing.set_rules", f"merchant:{merchant_id}", None, *effect))
    return SourcingRulesView(merchant_id=merchant_id, parts_max=rules.parts_max)


@router.get("/v1/merchants/{merchant_id}/sourcing-rules")
@allowed("merchant", "viewer")
async def get_rules(merchant_id: Identifier, who: Who, read: Read) -> SourcingRulesView:
    """By which rules the orders of a merchant are sourced."""
    who.require(merchant=merchant_id, hide=("merchant", merchant_id))
    return SourcingRulesView(merchant_id=merchant_id, parts_max=await store.parts_max(read, merchant_id))
