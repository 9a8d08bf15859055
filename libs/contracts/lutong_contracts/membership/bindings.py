"""Bindings: which viewers of the feed order as which members."""

from typing import Annotated, Literal

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import BINDINGS
from lutong_contracts.values import Identifier


class AccountBound(Event, topic=BINDINGS, key="viewer_id"):
    """A viewer of the feed orders as a member from now on: the viewer asked for it, and the member consented."""

    viewer_id: Identifier
    binding_id: Identifier
    member_id: Identifier


class AccountUnbound(Event, topic=BINDINGS, key="viewer_id"):
    """A viewer orders as that member no more: either side ended it, or the member did not want what was asked for."""

    viewer_id: Identifier
    binding_id: Identifier
    member_id: Identifier
    ended_by: Annotated[str, Open(Literal["viewer", "member", "operator"])]
