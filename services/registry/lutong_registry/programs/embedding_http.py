"""What owners decide about who may embed their programs."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from lutong_chassis import Command, Read, TxDependency, Who, allowed, audit, audited, not_found
from lutong_contracts.registry import EmbeddingChanged, EmbeddingPermitted, EmbeddingRevoked
from lutong_contracts.values import Identifier
from lutong_registry.bodies import router
from lutong_registry.embedding import store
from lutong_registry.embedding.domain import EmbeddedBy
from lutong_registry.programs import store as program_store


class EmbeddingRule(Command):
    """Who may embed a program, beside the accounts of its owner."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"embedded_by": "permitted"}]})

    embedded_by: EmbeddedBy = Field(
        description="public: everybody. permitted: accounts with a permission. owner: nobody else."
    )


class EmbeddingView(BaseModel):
    """Who may embed a program."""

    program_id: str
    embedded_by: EmbeddedBy


class EmbedderView(BaseModel):
    """An account with a permission."""

    account_id: str
    granted_at: datetime


class EmbeddersView(EmbeddingView):
    """Who may embed a program, with a page of permissions; `after` of the next page is the last account of this one."""

    accounts: list[EmbedderView]


@router.put("/v1/programs/{program_id}/embedding")
@allowed("merchant", "operator")
@audited("program.embedding", own="merchant", shows=("embedded_by",))
async def restrict_embedding(program_id: Identifier, rule: EmbeddingRule, who: Who, tx: TxDependency) -> EmbeddingView:
    """Set who may embed a program in posts from now on; cards that are there stay. Repeating it changes nothing."""
    await _require(tx, who, program_id)
    before = await store.restrict(tx, program_id, rule.embedded_by)
    if before is not None:
        tx.publish(EmbeddingChanged(program_id=program_id, embedded_by=rule.embedded_by))
    if who.is_staff:
        change = {"embedded_by": before or rule.embedded_by}, {"embedded_by": rule.embedded_by}
        await audit.record(tx, who, audit.Change("program.embedding", f"program:{program_id}", None, *change))
    return EmbeddingView(program_id=program_id, embedded_by=rule.embedded_by)


@router.get("/v1/programs/{program_id}/embedders")
@allowed("merchant", "viewer")
async def list_embedders(
    program_id: Identifier,
    who: Who,
    read: Read,
    after: Annotated[str, Query(max_length=64, description="the last account of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> EmbeddersView:
    """Who may embed a program, and the accounts that are permitted to."""
    program = (await program_store.read_programs(read, None, [program_id])).get(program_id) or not_found(
        "program", program_id
    )
    who.require(merchant=program.merchant_id, hide=("program", program_id))
    rule = await store.embedded_by(read, program_id) or not_found("program", program_id)
    found = await store.permissions(read, program_id, after, limit)
    accounts = [EmbedderView(account_id=row.account_id, granted_at=row.granted_at) for row in found]
    return EmbeddersView(program_id=program_id, embedded_by=rule, accounts=accounts)


@router.put("/v1/programs/{program_id}/embedders/{account_id}", status_code=204)
@allowed("merchant", "operator")
@audited("embedder.permit", own="merchant", shows=("account_id",))
async def permit_embedding(program_id: Identifier, account_id: Identifier, who: Who, tx: TxDependency) -> None:
    """Permit an account to embed a program, whenever that needs a permission. The account need not be known yet."""
    await _require(tx, who, program_id)
    if await store.permit(tx, program_id, account_id):
        tx.publish(EmbeddingPermitted(program_id=program_id, account_id=account_id))
    await _on_record(tx, who, "embedder.permit", program_id, account_id)


@router.delete("/v1/programs/{program_id}/embedders/{account_id}", status_code=204)
@allowed("merchant", "operator")
@audited("embedder.revoke", own="merchant", shows=("account_id",))
async def revoke_embedding(program_id: Identifier, account_id: Identifier, who: Who, tx: TxDependency) -> None:
    """Take the permission of an account back: its posts from now on get no card of the program. Cards that are there stay."""
    await _require(tx, who, program_id)
    if await store.revoke(tx, program_id, account_id):
        tx.publish(EmbeddingRevoked(program_id=program_id, account_id=account_id))
    await _on_record(tx, who, "embedder.revoke", program_id, account_id)


async def _require(tx: TxDependency, who: Who, program_id: str) -> None:
    """Refuse a program that does not exist or belongs to another merchant; it stays as it is until commit."""
    program = (await program_store.lock_programs(tx, [program_id])).get(program_id) or not_found("program", program_id)
    who.require(merchant=program.merchant_id, hide=("program", program_id))


async def _on_record(tx: TxDependency, who: Who, action: str, program_id: str, account_id: str) -> None:
    if who.is_staff:
        after = {"account_id": account_id}
        await audit.record(tx, who, audit.Change(action, f"program:{program_id}", after=after))
