"""Events of the registry about life accounts: what an enterprise account pushes to those who follow it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lutong_contracts.enumerations import Open
from lutong_contracts.event import Event
from lutong_contracts.topics import PUSHES
from lutong_contracts.values import Identifier, Instant, Reason, Text, Title, Visible

FOLLOWERS_MAX = 500
"""Followers that one event names."""

PushText = Annotated[Text, StringConstraints(min_length=1, max_length=500), Visible]


class PushReserved(Event, topic=PUSHES, key="push_id"):
    """A push has its place in the quota of its account, and will be sent at `send_at`: the moment that it counts at."""

    push_id: Identifier
    account_id: Identifier
    program_id: Identifier
    send_at: Instant


class PushChunkDue(Event, topic=PUSHES, key="push_id"):
    """The next followers are to get a push: those behind `after`, in the order of their ids. The registry's word to itself."""

    push_id: Identifier
    after: str = Field(default="", max_length=64)


class PushDelivered(Event, topic=PUSHES, key="push_id"):
    """These followers have a push now. For others: a client's notifications, for instance. A push that is recalled was delivered, too."""

    push_id: Identifier
    account_id: Identifier
    program_id: Identifier
    title: Title
    text: PushText
    follower_ids: tuple[Identifier, ...] = Field(min_length=1, max_length=FOLLOWERS_MAX)


class PushEnded(Event, topic=PUSHES, key="push_id"):
    """Nobody gets the push any more. `sent`: every follower has it; `partial`: `delivered` of them do, for `reason` no more;
    `recalled`: it is shown to nobody; `cancelled`: it was sent to nobody, and its place in the quota is free again."""

    push_id: Identifier
    account_id: Identifier
    outcome: Annotated[str, Open(Literal["sent", "partial", "recalled", "cancelled"])]
    delivered: int = Field(ge=0)
    reason: Reason | None = None
