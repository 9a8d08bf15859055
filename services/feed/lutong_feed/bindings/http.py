"""What viewers ask about the member that they order as."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lutong_chassis import Command, Problem, Read, TxDependency, Who, allowed, audited, not_audited, not_found, routes
from lutong_chassis.audit import Change, record
from lutong_contracts.feed import AccountBindingAsked, AccountBindingEnded
from lutong_contracts.values import Identifier
from lutong_feed import accounts
from lutong_feed.bindings import domain, store
from lutong_feed.bindings.domain import Binding
from lutong_feed.domain import Refusal

router = routes("feed")


class WantedMember(Command):
    """The member that a viewer wants to order as."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"member_id": "m-1"}]})

    member_id: Identifier


class BindingView(BaseModel):
    """The member that a viewer orders as, once that member has consented: `bound`. Until then it is `asked`."""

    viewer_id: str
    member_id: str
    state: Literal["asked", "bound"]


@router.get("/v1/accounts/{account_id}/member")
@allowed("member", "operator")
async def get_binding(account_id: Identifier, who: Who, read: Read) -> BindingView:
    """Which member a viewer orders as. 404 when the viewer is bound to none."""
    who.require(member=account_id, hide=("account", account_id))
    return _view(await store.binding(read, account_id) or not_found("binding of account", account_id))


@router.put("/v1/accounts/{account_id}/member")
@allowed("member")
@not_audited("a wish of the viewer's own, which nobody else can have")
async def ask_for_member(account_id: Identifier, wanted: WantedMember, who: Who, tx: TxDependency) -> BindingView:
    """Ask to order as a member, who has to consent in membership. Repeating it changes nothing; another one is refused."""
    who.require(member=account_id, hide=("account", account_id))
    if account_id not in await accounts.known(tx, [account_id]):
        not_found("account", account_id)
    known = await store.lock(tx, account_id)
    outcome = domain.ask(known, Binding(account_id, tx.new_id(), wanted.member_id, "asked"))
    if isinstance(outcome, Refusal):
        raise Problem(409, outcome.kind, outcome.detail)
    if known is None:
        await store.save(tx, outcome)
        facts = {"binding_id": outcome.binding_id, "member_id": outcome.member_id}
        tx.publish(AccountBindingAsked(viewer_id=account_id, **facts))
    return _view(outcome)


@router.delete("/v1/accounts/{account_id}/member", status_code=204)
@allowed("member", "operator")
@audited("binding.end", own="member", shows=("member_id",))
async def end_binding(account_id: Identifier, who: Who, tx: TxDependency) -> None:
    """End a binding, or take back what was asked for. Orders that were placed before stay the member's."""
    who.require(member=account_id, hide=("account", account_id))
    known = await store.lock(tx, account_id)
    if known is not None:
        await store.drop(tx, account_id)
        facts = {"binding_id": known.binding_id, "member_id": known.member_id}
        tx.publish(AccountBindingEnded(viewer_id=account_id, **facts))
    if who.is_staff:
        before = {"member_id": known.member_id} if known else {}
        await record(tx, who, Change("binding.end", f"account:{account_id}", before=before))


def _view(binding: Binding) -> BindingView:
    return BindingView(viewer_id=binding.viewer_id, member_id=binding.member_id, state=binding.state)
