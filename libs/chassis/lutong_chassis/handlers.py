"""The index of a service: which function handles which event type."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lutong_chassis.database import Tx
from lutong_chassis.envelope import MalformedError, Outgoing, Received, UnknownTypeError
from lutong_contracts import Event, Topic

E = TypeVar("E", bound=Event)

Handler = Callable[[Sequence[Received[E]], Tx], Awaitable[Sequence[Outgoing]]]
"""Takes a batch of events of one type, in order, and the transaction; saves the effects; returns the events to publish."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of one service, by event type. A second function for a type is a TypeError.

    handlers = Handlers()

    @handlers.on(PostPublished)
    async def discover_services(posts: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]: ...
    """

    by_type: dict[type[Event], Handler[Any]] = field(default_factory=dict)

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """A decorator that registers a function for an event type. Raises TypeError when the type has one already.

        The function is called once for a batch, with the events in order per key and the transaction, which is committed
        when it returns. What it raises rolls the batch back. Each event comes once: copies are removed before.

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
        """The types that a service both publishes and consumes from other publishers."""
        return frozenset(event for event in self.by_type if event.from_others and event.topic.owner == owner)

    def concern(self, outcome: Received[Event] | MalformedError) -> bool:
        """Whether this service must deal with a record: an event that it handles, or a record that cannot be parsed.

        A type that only newer contracts have does not concern it, unless it replaces one that is handled here.
        """
        if isinstance(outcome, UnknownTypeError):
            return outcome.older in self.by_type
        return isinstance(outcome, MalformedError) or type(outcome.event) in self.by_type

    def settle(self, outcome: Received[Event] | MalformedError) -> bool:
        """Whether a record can be settled: by a handler, or by passing it over."""
        return not (isinstance(outcome, MalformedError) and self.concern(outcome))

    def include(self, other: "Handlers") -> None:
        """Register every handler of `other`, in its order. Raises TypeError for a type that is handled here already."""
        for event, handler in other.by_type.items():
            self.on(event)(handler)

    @property
    def topics(self) -> list[Topic]:
        """The topics to subscribe to, ordered by name."""
        return sorted({event.topic for event in self.by_type}, key=lambda topic: topic.name)
