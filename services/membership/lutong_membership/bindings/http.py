"""What members decide about viewers of the feed that want to order as them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from lutong_chassis import Read, TxDependency, Who, allowed, audited, not_audited
from lutong_chassis.audit import Change as Audited
from lutong_chassis.audit import record
from lutong_contracts.values import Identifier
from lutong_membership.bindings import domain, store
from lutong_membership.bodies import router


class BindingView(BaseModel):
    """A viewer, and how far its binding is: asked by the viewer, consented to by the member, or bound, which is both."""

    viewer_id: str
    member_id: str
    state: Literal["asked", "consented", "bound"]
    consented_at: datetime | None


@router.get("/v1/members/{member_id}/accounts")
@allowed("member", "viewer")
async def list_accounts(member_id: Identifier, who: Who, read: Read) -> list[BindingView]:
    """Viewers that order as a member, or want to."""
    who.require(member=member_id, hide=("member", member_id))
    return [_view(each) for each in await store.of_member(read, member_id)]


@router.put("/v1/members/{member_id}/accounts/{viewer_id}")
@allowed("member")
@not_audited("a consent of the member's own, which nobody else can give")
async def consent(member_id: Identifier, viewer_id: Identifier, who: Who, tx: TxDependency) -> BindingView:
    """Let a viewer order as this member, before or after the viewer asks for it. Repeating it changes nothing."""
    who.require(member=member_id, hide=("member", member_id))
    known = await store.lock(tx, [viewer_id])
    change = domain.consented(known[viewer_id], viewer_id, member_id, tx.now)
    await store.save(tx, known, {viewer_id: change.known})
    tx.publish(*change.events)
    return _view(change.known[member_id])


@router.delete("/v1/members/{member_id}/accounts/{viewer_id}", status_code=204)
@allowed("member", "operator")
@audited("binding.end", own="member", shows=("viewer_id",))
async def end_binding(member_id: Identifier, viewer_id: Identifier, who: Who, tx: TxDependency) -> None:
    """Take the consent back, or refuse what a viewer asked for. Orders that are held already stay the member's."""
    who.require(member=member_id, hide=("member", member_id))
    known = await store.lock(tx, [viewer_id])
    change = domain.ended_by(known[viewer_id], member_id, "operator" if who.is_staff else "member")
    await store.save(tx, known, {viewer_id: change.known})
    tx.publish(*change.events)
    if who.is_staff:
        await record(tx, who, Audited("binding.end", f"member:{member_id}", before={"viewer_id": viewer_id}))


def _view(binding: domain.Binding) -> BindingView:
    return BindingView(
        viewer_id=binding.viewer_id,
        member_id=binding.member_id,
        state=binding.state,
        consented_at=binding.consented_at,
    )
