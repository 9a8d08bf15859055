"""The table of contents of a service: which function answers which event, and which command."""

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
"""Takes a batch of events of one type, in order; saves what follows; gives what there is to say."""
CommandHandler = Callable[[Sequence[Asked[C]], Tx], Awaitable[Sequence[Answer | Problem]]]
"""Takes a batch of commands of one kind; saves what follows; gives an answer or a refusal for each, in order."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of one service: what it hears and what it is told. One function per type: a second one is a mistake."""

    by_type: dict[type[Event], Handler[Any]] = field(default_factory=dict)
    by_command: dict[type, CommandHandler[Any]] = field(default_factory=dict)

    @overload
    def on(self, kind: type[E]) -> Callable[[Handler[E]], Handler[E]]: ...  # type: ignore[overload-overlap]  # an event is a class, too
    @overload
    def on(self, kind: type[C]) -> Callable[[CommandHandler[C]], CommandHandler[C]]: ...
    def on(self, kind: type) -> Callable[[Any], Any]:
        """Register the function below for an event type, or for a kind of command (any other class).

        >>> @handlers.on(PostPublished)
        ... async def discover_services(posts: Sequence[Received[PostPublished]], tx: Tx) -> list[Outgoing]: ...
        >>> @handlers.on(TapCard)
        ... async def tap_cards(taps: Sequence[Asked[TapCard]], tx: Tx) -> list[Answer | Problem]: ...
        """

        def register(handler: Any) -> Any:  # noqa: ANN401  # the overloads say which
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
        for kind, handler in [*other.by_type.items(), *other.by_command.items()]:
            self._enter(kind, handler)

    @property
    def topics(self) -> list[Topic]:
        """What the service must subscribe to, by name."""
        return sorted({event.topic for event in self.by_type}, key=lambda topic: topic.name)
