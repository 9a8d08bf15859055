"""Where an account blocks and mutes others."""

from typing import Final

from fastapi import Response
from pydantic import BaseModel

from lutong_chassis import Ask, Read, Who, allowed, audited, routes
from lutong_contracts.values import Identifier
from lutong_feed.apart import store
from lutong_feed.apart.domain import KeepApart, LetBe

router = routes("feed")
_SHOWN: Final = ("other_id",)


class ApartView(BaseModel):
    """Whom an account blocks, and whom it mutes."""

    blocks: list[str]
    mutes: list[str]


@router.get("/v1/accounts/{account_id}/apart")
@allowed("member", "operator")
async def get_apart(account_id: Identifier, who: Who, read: Read) -> ApartView:
    """Whom an account blocks and mutes: for itself and for staff. Who is blocked or muted is not informed."""
    who.require(member=account_id, hide=("account", account_id))
    kept = await store.kept(read, account_id)
    names = {kind: [each.other_id for each in kept if each.kind == kind] for kind in ("block", "mute")}
    return ApartView(blocks=names["block"], mutes=names["mute"])


@router.put("/v1/accounts/{account_id}/blocks/{other_id}", status_code=204)
@allowed("member", "operator")
@audited("block.add", own="member", shows=_SHOWN)
async def put_block(account_id: Identifier, other_id: Identifier, who: Who, ask: Ask) -> Response:
    """Block an account: from now on neither reads, follows or reposts the other; follows between them end."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(KeepApart(account_id, other_id, "block"))


@router.delete("/v1/accounts/{account_id}/blocks/{other_id}", status_code=204)
@allowed("member", "operator")
@audited("block.remove", own="member", shows=_SHOWN)
async def delete_block(account_id: Identifier, other_id: Identifier, who: Who, ask: Ask) -> Response:
    """Block an account no more. Follows that the block ended do not come back."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(LetBe(account_id, other_id, "block"))


@router.put("/v1/accounts/{account_id}/mutes/{other_id}", status_code=204)
@allowed("member", "operator")
@audited("mute.add", own="member", shows=_SHOWN)
async def put_mute(account_id: Identifier, other_id: Identifier, who: Who, ask: Ask) -> Response:
    """Mute an account: its posts, and reposts of them, are left out of the timeline. It stays followed, and learns nothing."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(KeepApart(account_id, other_id, "mute"))


@router.delete("/v1/accounts/{account_id}/mutes/{other_id}", status_code=204)
@allowed("member", "operator")
@audited("mute.remove", own="member", shows=_SHOWN)
async def delete_mute(account_id: Identifier, other_id: Identifier, who: Who, ask: Ask) -> Response:
    """Mute an account no more."""
    who.require(member=account_id, hide=("account", account_id))
    return await ask(LetBe(account_id, other_id, "mute"))
