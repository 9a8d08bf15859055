"""From what a rule emits to what the outbox takes."""

from collections.abc import Iterable

from lutong_chassis import Cause, Outgoing
from lutong_membership.values import Emitted


def caused(cause: Cause, emitted: Iterable[Emitted]) -> list[Outgoing]:
    """Events on the journey of `cause`, in order; a deadline keeps the moment at which it is due."""
    return [Outgoing(each.event, cause, each.due_at) for each in emitted]
