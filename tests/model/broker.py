"""A broker, outboxes and inboxes as a model: they duplicate, delay, reorder across keys, and crash between steps."""

import copy
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lutong_contracts import Event
from tests.model.road import START, Feed, Inventory, Membership, Registry, Without

Stream = tuple[str, str]
"""(topic, key): what a broker keeps in order."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event with its identity."""

    id: int
    event: Event

    @property
    def stream(self) -> Stream:
        return self.event.topic.name, self.event.key


@dataclass(slots=True)
class Node:
    """A service with what its database holds: state, inbox, outbox and deadlines commit together."""

    state: Any
    inbox: set[int] = field(default_factory=set)
    outbox: dict[Stream, list[Message]] = field(default_factory=lambda: defaultdict(list))
    deadlines: list[tuple[datetime, Message]] = field(default_factory=list)
    positions: dict[Stream, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class Cluster:
    """Four services, the log between them, and a clock that only moves when told to."""

    without: Without = frozenset()
    now: datetime = START
    log: dict[Stream, list[Message]] = field(default_factory=lambda: defaultdict(list))
    last_id: int = 0
    nodes: dict[str, Node] = field(
        default_factory=lambda: {
            "feed": Node(Feed()),
            "registry": Node(Registry()),
            "membership": Node(Membership()),
            "inventory": Node(Inventory({("near", "tea"): 1, ("flagship", "tea"): 1})),
        }
    )

    def command(self, service: str, name: str, *arguments: Any, crash: bool = False) -> None:
        """A client asks a service to do something; a crash before the commit leaves no trace."""
        node = self.nodes[service]
        if crash:
            getattr(copy.deepcopy(node.state), name)(*arguments)
            return
        self._publish(node, getattr(node.state, name)(*arguments))

    def deliver(self, service: str, stream: Stream, crash: str = "") -> None:
        """Hand a service the next message of a stream; a crash comes `before` or `after` its commit."""
        node = self.nodes[service]
        position = node.positions[stream]
        if position >= len(self.log[stream]):
            return
        turn = -1 if "order" in self.without else position
        message = self.log[stream][turn]
        if crash == "before":
            if "one_transaction" in self.without:
                node.inbox.add(message.id)  # in a transaction of its own, before the effects
            return  # rolled back: as if it had never come
        if "inbox" in self.without or message.id not in node.inbox:
            node.inbox.add(message.id)
            self._publish(node, node.state.on(message.event, self.now, self.without))
        if crash != "after":  # committed, but the offset was not: it comes again
            node.positions[stream] = position + 1

    def relay(self, service: str, stream: Stream, *, crash: bool = False) -> None:
        """Carry the oldest message of a stream to the log; a crash before the mark lets it go out twice."""
        waiting = self.nodes[service].outbox[stream]
        if waiting:
            self.log[stream].append(waiting[0])
            if not crash:
                waiting.pop(0)

    def undelivered(self) -> list[tuple[str, Stream]]:
        """Services with a stream that they have not read to its end."""
        return [
            (name, stream)
            for name, node in self.nodes.items()
            for stream, messages in self.log.items()
            if node.positions[stream] < len(messages)
        ]

    def unpublished(self) -> list[tuple[str, Stream]]:
        """Services with a stream that the relay has not carried to its end."""
        return [(name, stream) for name, node in self.nodes.items() for stream, left in node.outbox.items() if left]

    def rewind(self, service: str, stream: Stream) -> None:
        """A rebalance, or an operator: everything of a stream comes again."""
        self.nodes[service].positions[stream] = 0

    def rewind_all(self) -> None:
        """Everything of every stream comes again to everybody."""
        for node in self.nodes.values():
            node.positions.clear()

    def tick(self, minutes: int) -> None:
        """Let time pass; deadlines that fall due take their place among what is said."""
        self.now += timedelta(minutes=minutes)
        for node in self.nodes.values():
            for due_at, message in sorted(node.deadlines, key=lambda deadline: deadline[0]):
                if due_at <= self.now:
                    node.outbox[message.stream].append(message)
            node.deadlines = [deadline for deadline in node.deadlines if deadline[0] > self.now]

    def drain(self) -> None:
        """Heal everything: carry and deliver until nothing moves."""
        while self.unpublished() or self.undelivered():
            for name, stream in self.unpublished():
                self.relay(name, stream)
            for name, stream in self.undelivered():
                self.deliver(name, stream)

    def _publish(self, node: Node, emitted: list[tuple[Event, datetime | None]]) -> None:
        for event, due_at in emitted:
            self.last_id += 1
            message = Message(self.last_id, event)
            if due_at:
                node.deadlines.append((due_at, message))
            else:
                node.outbox[message.stream].append(message)
