"""What a schedule must not break, looked at while it runs and at its end."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord, TopicPartition

from lutong_chassis.commands.asked import Given
from tests.simulator.broker import Broker
from tests.simulator.engine import Engine
from tests.simulator.plan import Ask

Log = Sequence[ConsumerRecord[bytes, bytes]]


@dataclass(eq=False)
class History:
    """What clients were answered, what the group committed, and in the end what is in tables and topics."""

    broker: Broker
    engine: Engine
    answers: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    asks: dict[str, Ask] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unfinished: str = ""

    def __post_init__(self) -> None:
        self.broker.group.on_commit = self._committed

    def note(self, what: str) -> None:
        """Something that a person who looks at a schedule may want to know."""
        self.notes.append(f"{self.broker.loop.now_s:.3f} {what}")

    def answered(self, ask: Ask, answer: Given | Exception | None) -> None:
        """What a client was told."""
        if isinstance(answer, Given):
            self.asks[ask.key] = ask
            self.answers[ask.key].append(answer.body)

    def _committed(self, partition: TopicPartition, offset: int) -> None:
        """A position that the group commits: everything before it was taken in, set aside, or remembered as passed over."""
        before = self.broker.group.offsets.get(partition, 0)
        new = self.broker.logs[partition][before:offset]
        if not new:
            return
        row = self.engine.ask(
            """
            SELECT ARRAY(SELECT "offset" FROM parked WHERE topic = $1 AND partition = $2 AND "offset" >= $3) AS parked,
                   ARRAY(SELECT id FROM inbox WHERE id = ANY ($4)) AS taken_in,
                   ARRAY(SELECT type FROM passed_over WHERE topic = $1 AND partition = $2 ORDER BY type) AS types,
                   ARRAY(SELECT first FROM passed_over WHERE topic = $1 AND partition = $2 ORDER BY type) AS firsts
            """,
            *partition,
            before,
            [event_id for record in new if (event_id := _id(record))],
        )[0]
        parked, known = set(row["parked"]), set(row["taken_in"])
        first = dict(zip(row["types"], row["firsts"], strict=True))
        ids = [_id(record) for record in new if record.offset not in parked]
        known |= {
            _id(record) for record in new if record.offset >= first.get(_type(record), len(self.broker.logs[partition]))
        }
        passed = [n for n in ids if n not in known]
        if passed:
            self.broken.append(
                f"offsets: {partition.topic}/{partition.partition} was committed up to {offset}, past {passed}"
            )

    def busy(self) -> str:
        """What is still to be done, in words; nothing when all is quiet."""
        row = self.engine.ask(
            """
            SELECT EXISTS (SELECT FROM pending) AS pending, EXISTS (SELECT FROM deadline) AS deadlines,
                   EXISTS (SELECT FROM parked WHERE state IN ('parked', 'waiting')) AS parked,
                   EXISTS (SELECT FROM passed_over) AS passed_over
            """
        )[0]
        busy = [name for name in ("pending", "deadlines", "parked", "passed_over") if row[name]]
        offsets = self.broker.group.offsets
        behind = [
            f"{partition.topic}/{partition.partition}"
            for partition in self.broker.group.partitions
            if offsets.get(partition, 0) < len(self.broker.logs[partition])
        ]
        return " ".join([*busy, *behind])

    def verdict(self) -> list[str]:
        """What is wrong, each with the name of the promise that it breaks."""
        found = list(self.broken)
        if self.unfinished:
            found.append(f"end: it does not come to an end: {self.unfinished}")
        found += self._published()
        found += self._counted()
        found += self._reminded()
        return found

    def _published(self) -> list[str]:
        """Outbox and topics hold the same events; the first occurrences of each key come in order, without gaps."""
        rows = self.engine.ask(
            "SELECT event_id::text AS id, topic, key, sequence FROM outbox ORDER BY topic, key, sequence"
        )
        wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in rows:
            wanted[row["topic"], row["key"]].append(row["id"])
        seen: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for partition, log in self.broker.logs.items():
            for record in log:
                if event_id := _id(record):
                    seen[partition.topic, (record.key or b"").decode()][event_id] = None
        found = []
        for where in sorted(wanted.keys() | seen.keys()):
            ids, given = wanted[where], list(seen[where])
            if ids != given:
                what = "lost" if set(ids) - set(given) else "invented" if set(given) - set(ids) else "order"
                found.append(
                    f"{what}: {where[0]} {where[1]}: {len(ids)} events in the outbox, {len(given)} on the topic"
                )
        return found

    def _counted(self) -> list[str]:
        """Each answered command took effect once, each event too, in the order of its key."""
        rows = self.engine.ask("SELECT counter_id, places FROM counter")
        places = {row["counter_id"]: row["places"] for row in rows}
        found = []
        for counter_id, seen in places.items():
            if doubled := [place for place, times in Counter(seen).items() if times > 1]:
                found.append(f"doubled: {counter_id} counted {doubled} more than once")
        published = self.engine.ask(
            """
            SELECT key, array_agg((payload::jsonb ->> 'place')::integer ORDER BY sequence) AS places
              FROM outbox WHERE type LIKE '%.counted.%' GROUP BY key
            """
        )
        for row in published:
            if places.get(row["key"], []) != row["places"]:
                what = "effect" if sorted(places.get(row["key"], [])) != sorted(row["places"]) else "order"
                found.append(f"{what}: {row['key']} published {row['places']}, counted {places.get(row['key'], [])}")
        return [*found, *self._answered([place for row in published for place in row["places"]])]

    def _answered(self, published: Sequence[int]) -> list[str]:
        """A key has one answer, and what was accepted is published once."""
        found = [
            f"answers: {key} was answered in {len(set(bodies))} ways"
            for key, bodies in self.answers.items()
            if len(set(bodies)) > 1
        ]
        return found + [
            f"command: {key} was accepted, and {place} was published {published.count(place)} times"
            for key, ask in self.asks.items()
            for place in ask.places
            if published.count(place) != 1
        ]

    def _reminded(self) -> list[str]:
        """Deadlines come once, and not before they are due."""
        rows = self.engine.ask("SELECT counter_id, place, at, due_at FROM reminder")
        wanted = Counter(ask.places[0] for ask in self.asks.values() if ask.remind_s is not None)
        seen = Counter(row["place"] for row in rows)
        found = [
            f"deadline: {place} came {seen[place]} times" for place in wanted | seen if wanted[place] != seen[place]
        ]
        found += [f"deadline: {row['place']} came early" for row in rows if row["at"] < row["due_at"]]
        return found


def _type(record: ConsumerRecord[bytes, bytes]) -> str:
    return next(((value or b"").decode() for name, value in record.headers if name == "ce_type"), "")


def _id(record: ConsumerRecord[bytes, bytes]) -> str | None:
    """The id of an event; None for what is none."""
    return next(((value or b"").decode() for name, value in record.headers if name == "ce_id"), None)
