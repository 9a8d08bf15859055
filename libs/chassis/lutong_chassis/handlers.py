"""The table of contents of a service: which function answers which event."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lutong_chassis.database import Tx
from lutong_chassis.envelope import MalformedError, Outgoing, Received, UnknownTypeError
from lutong_contracts import Event, Topic

E = TypeVar("E", bound=Event)

Handler = Callable[[Sequence[Received[E]], Tx], Awaitable[Sequence[Outgoing]]]
"""Takes a batch of events of one type, in order; saves what follows; gives what there is to say."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of one service. One function per event type: a second one is a mistake."""

    by_type: dict[type[Event], Handler[Any]] = field(default_factory=dict)

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Register the function below for an event type.

        >>> @handlers.on(PostPublished)
        ... async def discover_services(posts: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]: ...
        """

        def register(handler: Handler[E]) -> Handler[E]:
            if event in self.by_type:
                message = f"{event.type} is already handled by {self.by_type[event].__qualname__}"
                raise TypeError(message)
            self.by_type[event] = handler
            return handler

        return register

    def from_others(self, owner: str) -> frozenset[type[Event]]:
        """The types that a service both publishes and takes from other publishers."""
        return frozenset(event for event in self.by_type if event.from_others and event.topic.owner == owner)

    def concern(self, outcome: Received[Event] | MalformedError) -> bool:
        """Whether a record is anything to this service: an event that it handles, or one that nobody can understand.

        A type that only newer contracts know is nothing to it, unless that replaces one that it handles.
        """
        if isinstance(outcome, UnknownTypeError):
            return outcome.older in self.by_type
        return isinstance(outcome, MalformedError) or type(outcome.event) in self.by_type

    def settle(self, outcome: Received[Event] | MalformedError) -> bool:
        """Whether a record can be settled: by a handler, or by passing it over."""
        return not (isinstance(outcome, MalformedError) and self.concern(outcome))

    def include(self, other: "Handlers") -> None:
        """Register every handler of `other`, in its order. A type that is handled here already is a TypeError."""
        for event, handler in other.by_type.items():
            self.on(event)(handler)

    @property
    def topics(self) -> list[Topic]:
        """What the service must subscribe to, by name."""
        return sorted({event.topic for event in self.by_type}, key=lambda topic: topic.name)
