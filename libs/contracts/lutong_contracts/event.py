"""The base of all events and the catalogue of their types.

A class defines its event: its topic, the key that orders it, and its name on the wire. The payload holds facts only; id, time, cause and journey are stamped on the
envelope by the chassis, so that two payloads compare equal when the facts are equal.
"""

import re
from typing import Any, ClassVar

from lutong_contracts.entity import Entity
from lutong_contracts.topics import Topic
from lutong_contracts.values import Value

_CATALOGUE: dict[str, type["Event"]] = {}


class UnknownEventTypeError(LookupError):
    """The catalogue of this version of lutong-contracts has no event of this type; the argument is the type."""


class Event(Value):
    """Something that happened: an immutable pydantic model. Subclass it with its topic and the fields of its key:

    >>> class PostPublished(Event, topic=POSTS, key="post_id"): ...

    The type on the wire follows from topic, class name and version:
    `lutong.feed.post-published.v1`. A breaking change is a new class with `version=2`.
    """

    type: ClassVar[str]
    topic: ClassVar[Topic]
    key_fields: ClassVar[tuple[str, ...]]
    from_others: ClassVar[bool]
    """Whether others than the owner may publish it to the topic. The owner consumes those, and passes over its own."""

    def __init_subclass__(
        cls, *, topic: Topic, key: str, version: int = 1, from_others: bool = False, **kwargs: Any
    ) -> None:
        """Derive the wire type. Defining it twice is a programming error, found at import."""
        super().__init_subclass__(**kwargs)
        words = re.sub(r"(?<!^)(?=[A-Z])", "-", re.sub(r"V\d+$", "", cls.__name__)).lower()
        cls.topic = topic
        cls.key_fields = tuple(key.split(":"))
        cls.from_others = from_others
        cls.type = f"lutong.{topic.owner}.{words}.v{version}"

    @classmethod
    def __pydantic_init_subclass__(cls, **_kwargs: Any) -> None:
        """Enter the finished class into the catalogue."""
        if cls.topic.compacted is not issubclass(cls, Entity):
            message = (
                f"{cls.type} on {cls.topic.name}: what rides on a compacted topic is an Entity, and nothing else is"
            )
            raise TypeError(message)
        known = _CATALOGUE.setdefault(cls.type, cls)
        if known.__qualname__ != cls.__qualname__ or known.__module__ != cls.__module__:
            message = f"event type {cls.type} is defined by {known.__module__} and {cls.__module__}"
            raise TypeError(message)
        _CATALOGUE[cls.type] = cls

    @property
    def key(self) -> str:
        """What orders this event: events of one key are handled one after the other."""
        if len(self.key_fields) == 1:  # nearly always, and asked for several times per event
            return str(getattr(self, self.key_fields[0]))
        return ":".join([str(getattr(self, field)) for field in self.key_fields])


def event_types() -> dict[str, type[Event]]:
    """All known event classes by their type on the wire, in alphabetical order.

    >>> "lutong.feed.post-published.v1" in event_types()
    True
    """
    return dict(sorted(_CATALOGUE.items()))


def event_class(event_type: str) -> type[Event]:
    """The class of a type on the wire. Raises `UnknownEventTypeError` when there is none.

    >>> event_class("lutong.feed.post-published.v1").__name__
    'PostPublished'
    """
    try:
        return _CATALOGUE[event_type]
    except KeyError:
        raise UnknownEventTypeError(event_type) from None
