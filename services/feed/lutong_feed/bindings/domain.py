"""Whether a viewer may ask for a member, and what ends. Pure."""

from typing import Literal, NamedTuple

from lutong_feed.domain import Refusal


class Binding(NamedTuple):
    """Which member a viewer asked to order as. It is bound once that member has consented."""

    viewer_id: str
    binding_id: str
    member_id: str
    state: Literal["asked", "bound"]


def ask(known: Binding | None, wanted: Binding) -> Binding | Refusal:
    """The binding that the viewer has then: the one that is there, when it is for the same member."""
    if known is None:
        return wanted
    if known.member_id == wanted.member_id:
        return known
    detail = f"the viewer is bound to another member, or asked for one: end that first (it is {known.state})"
    return Refusal("bound_elsewhere", detail)
