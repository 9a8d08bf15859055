"""Bindings of viewers to members: the viewer asks, the member consents, either side ends it. Pure.

Each rule takes what there is of one viewer, by member, and gives what there is afterwards with the events to publish.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from lutong_contracts import Event
from lutong_contracts.feed import AccountBindingAsked, AccountBindingEnded
from lutong_contracts.membership import AccountBound, AccountUnbound

Side = Literal["viewer", "member", "operator"]


@dataclass(frozen=True, slots=True)
class Binding:
    """What a viewer asked for, what the member consented to; both together are a binding."""

    viewer_id: str
    member_id: str
    binding_id: str | None = None
    consented_at: datetime | None = None

    @property
    def is_bound(self) -> bool:
        """Whether the viewer orders as the member."""
        return self.binding_id is not None and self.consented_at is not None

    @property
    def state(self) -> Literal["bound", "asked", "consented"]:
        """How far it is: asked by the viewer, consented to by the member, or both."""
        return "bound" if self.is_bound else "asked" if self.binding_id else "consented"


Known = Mapping[str, Binding]
"""What there is of one viewer, by member."""


@dataclass(frozen=True, slots=True)
class Change:
    """What there is of a viewer afterwards, and what follows."""

    known: Known
    events: tuple[Event, ...] = ()


def asked(known: Known, event: AccountBindingAsked) -> Change:
    """The viewer asks for a member. A viewer has one binding: what was asked for before is over."""
    before = known.get(event.member_id, Binding(event.viewer_id, event.member_id))
    if before.binding_id == event.binding_id:
        return Change(known)
    over = [each for each in known.values() if each.binding_id and each.member_id != event.member_id]
    left = {key: each for key, each in known.items() if each not in over}
    after = replace(before, binding_id=event.binding_id)
    unbound = tuple(_unbound(each, "viewer") for each in over)
    return Change({**left, after.member_id: after}, (*unbound, *_bound(after)))


def consented(known: Known, viewer_id: str, member_id: str, now: datetime) -> Change:
    """The member consents, before or after the viewer asks. Repeating it changes nothing."""
    before = known.get(member_id, Binding(viewer_id, member_id))
    if before.consented_at is not None:
        return Change(known)
    after = replace(before, consented_at=now)
    return Change({**known, member_id: after}, tuple(_bound(after)))


def ended_by_viewer(known: Known, event: AccountBindingEnded) -> Change:
    """The viewer ends what that asking began; the consent goes with it. What was ended before stays so."""
    before = known.get(event.member_id)
    if before is None or before.binding_id != event.binding_id:
        return Change(known)
    return _without(known, before, "viewer")


def ended_by(known: Known, member_id: str, side: Side) -> Change:
    """The member takes the consent back, or does not want what was asked for; an operator may end it for them."""
    before = known.get(member_id)
    return Change(known) if before is None else _without(known, before, side)


def _without(known: Known, ended: Binding, side: Side) -> Change:
    left = {key: each for key, each in known.items() if key != ended.member_id}
    return Change(left, (_unbound(ended, side),) if ended.binding_id else ())


def _bound(binding: Binding) -> list[Event]:
    if not binding.is_bound or binding.binding_id is None:
        return []
    facts = {"viewer_id": binding.viewer_id, "binding_id": binding.binding_id, "member_id": binding.member_id}
    return [AccountBound(**facts)]


def _unbound(binding: Binding, side: Side) -> AccountUnbound:
    return AccountUnbound(
        viewer_id=binding.viewer_id, binding_id=binding.binding_id or "", member_id=binding.member_id, ended_by=side
    )
