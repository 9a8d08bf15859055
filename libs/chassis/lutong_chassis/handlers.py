"""The index of a service: which function handles which event, and which command."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from lutong_chassis.commands.asked import Answer, Asked
from lutong_chassis.database import Tx
from lutong_chassis.envelope import MalformedError, Outgoing, Received, UnknownTypeError
from lutong_chassis.problem import Problem
from lutong_contracts import Event, Topic

E = TypeVar("E", bound=Event)
C = TypeVar("C")

Handler = Callable[[Sequence[Received[E]], Tx], Awaitable[Sequence[Outgoing]]]
"""Takes a batch of events of one type, in order, and the transaction; saves the effects; returns the events to publish."""
CommandHandler = Callable[[Sequence[Asked[C]], Tx], Awaitable[Sequence[Answer | Problem]]]
"""Takes a batch of commands of one kind, and the transaction; saves the effects; returns an answer or refusal for each, in order."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of one service, by type of event or command. A second function for a type is a TypeError.

    handlers = Handlers()

    @handlers.on(PostPublished)
    async def discover_services(posts: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]: ...
    """

    by_type: dict[type[Event], Handler[Any]] = field(default_factory=dict)
    by_command: dict[type, CommandHandler[Any]] = field(default_factory=dict)

    @overload
    def on(self, kind: type[E]) -> Callable[[Handler[E]], Handler[E]]: ...  # type: ignore[overload-overlap]  # an event is a class, too
    @overload
    def on(self, kind: type[C]) -> Callable[[CommandHandler[C]], CommandHandler[C]]: ...
    def on(self, kind: type) -> Callable[[Any], Any]:
        """A decorator that registers a function for an event type, or for a kind of command (any other class).

        The function is called once for a batch and its transaction, which is committed when it returns. What it raises
        rolls the batch back. Events are in order per key, without copies. Raises TypeError when the type has a function.

        >>> @handlers.on(PostPublished)
        ... async def discover_services(posts: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]: ...
        >>> @handlers.on(TapCard)
        ... async def tap_cards(taps: Sequence[Asked[TapCard]], tx: Tx) -> list[Answer | Problem]: ...
        """

        def register(handler: Any) -> Any:  # noqa: ANN401  # the overloads have its types
            self._enter(kind, handler)
            return handler

        return register

    def _enter(self, kind: type, handler: Any) -> None:  # noqa: ANN401  # a handler of either sort
        known: dict[Any, Any] = self.by_type if issubclass(kind, Event) else self.by_command
        if kind in known:
            name = kind.type if issubclass(kind, Event) else kind.__name__
            raise TypeError(f"{name} is already handled by {known[kind].__qualname__}")
        known[kind] = handler

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
        for kind, handler in [*other.by_type.items(), *other.by_command.items()]:
            self._enter(kind, handler)

    @property
    def topics(self) -> list[Topic]:
        """The topics to subscribe to, ordered by name."""
        return sorted({event.topic for event in self.by_type}, key=lambda topic: topic.name)
