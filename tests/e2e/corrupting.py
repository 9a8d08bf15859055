"""How one thing goes wrong in a database or on a topic: each function gives, or is, a corruption of a world."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.support.looks import Look

Corrupt = Callable[[Look], None]


class Corruption(NamedTuple):
    """One thing that goes wrong, and the identity that has to notice."""

    identity: str
    what: str
    corrupt: Corrupt


class Planted(NamedTuple):
    """A corruption under a name, for tests of its identity alone."""

    name: str
    corrupt: Corrupt


def where(table: str, **wanted: Any) -> Callable[[Look], Any]:  # whatever a column holds
    """The first row of `service.table` whose columns are as wanted; a callable value says whether they are."""
    service, _, name = table.partition(".")

    def fits(value: object, wish: Any) -> bool:  # noqa: ANN401  # whatever a column holds
        return bool(wish(value)) if callable(wish) else value == wish

    def find(world: Look) -> Any:  # noqa: ANN401  # a row
        for row in world.rows(service, name):
            if all(fits(row[column], wish) for column, wish in wanted.items()):
                return row
        raise LookupError(f"the world has no {table} with {wanted}")

    return find


def change(table: str, column: str, value: Any, **wanted: Any) -> Corrupt:  # noqa: ANN401  # whatever a column holds
    """Set a column; a callable value gets the old one."""

    def corrupt(world: Look) -> None:
        row = where(table, **wanted)(world)
        row[column] = value(row[column]) if callable(value) else value

    return corrupt


def alter(table: str, changes: dict[str, Any], **wanted: Any) -> Corrupt:  # whatever a column holds
    """Set several columns of a row."""
    return lambda world: where(table, **wanted)(world).update(changes)


def again(table: str, changes: dict[str, Any], **wanted: Any) -> Corrupt:  # whatever a column holds
    """A row once more, with changes."""
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].append(dict(where(table, **wanted)(world)) | changes)


def booked_again(kind: str, **changes: Any) -> Corrupt:  # whatever a column holds
    """An entry once more, with its legs and without a place in its chain."""

    def corrupt(world: Look) -> None:
        entry = where("membership.entry", kind=kind)(world)
        legs = [dict(leg) for leg in world.rows("membership", "posting") if leg["entry_id"] == entry["entry_id"]]
        anew = {"entry_id": 10**9, "number": None, "hash": None, "previous_hash": None}
        world.tables["membership"]["entry"].append(dict(entry) | anew | changes)
        world.tables["membership"]["posting"].extend(leg | {"entry_id": 10**9} for leg in legs)

    return corrupt


def unbooked(kind: str) -> Corrupt:
    """An entry and its legs are gone."""

    def corrupt(world: Look) -> None:
        entry = where("membership.entry", kind=kind)(world)
        world.tables["membership"]["entry"].remove(entry)
        legs = world.tables["membership"]["posting"]
        legs[:] = [leg for leg in legs if leg["entry_id"] != entry["entry_id"]]

    return corrupt


def several(*corruptions: Corrupt) -> Corrupt:
    """One after the other."""

    def corrupt(world: Look) -> None:
        for one in corruptions:
            one(world)

    return corrupt


def renumbered(world: Look) -> None:
    """Two entries of a chain change places."""
    first = where("membership.entry", kind="line_opened")(world)
    second = where("membership.entry", number=2, member_id=first["member_id"])(world)
    first["number"], second["number"] = 2, 1


def charged_first(world: Look) -> None:
    """A charge stands before the holds, and is large."""
    scale(world, "charge", 10**6)
    entries = world.tables["membership"]["entry"]
    charge = where("membership.entry", kind="charge")(world)
    opened = where("membership.entry", kind="line_opened", member_id=charge["member_id"])(world)
    entries.remove(charge)
    entries.insert(entries.index(opened) + 1, charge)


def referred_twice(world: Look) -> None:
    """Two repayments name one line of a statement."""
    first, second = [row for row in world.rows("membership", "repayment") if row["evidence"] == "bank"][:2]
    second["reference"] = first["reference"]


def confirmed_by_asker(world: Look) -> None:
    """Who claimed to have paid says that it is so."""
    row = where("membership.repayment", state="confirmed", claimed_by=lambda who: who != "bank")(world)
    row["decided_by"] = row["claimed_by"]


def approved_by_proposer(world: Look) -> None:
    """One person is both pairs of eyes."""
    decision = where("membership.decision", approved_by=bool)(world)
    decision["approved_by"] = decision["decided_by"]
    where("membership.proposal", proposal_id=decision["decision_id"])(world)["decided_by"] = decision["decided_by"]


def terms_differ(old: str, new: str) -> Corrupt:
    """A version of a plan has other terms than what was signed."""
    return change("membership.plan", "terms", lambda terms: terms.replace(old, new), terms=lambda terms: old in terms)


def unpublished(world: Look) -> None:
    """What was published of one row of the audit is nowhere any more."""
    row = where("membership.audit", id=lambda number: number > 1)(world)
    mine = f'"audit_id":{row["id"]},'
    outbox = world.tables["membership"]["outbox"]
    outbox[:] = [event for event in outbox if mine not in event["payload"]]
    topic = "lutong.membership.audit"
    world.records[:] = [record for record in world.records if record.topic != topic or mine not in record.value]


def drop(table: str, **wanted: Any) -> Corrupt:  # whatever a column holds
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].remove(where(table, **wanted)(world))


def double(table: str, **wanted: Any) -> Corrupt:  # whatever a column holds
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].append(dict(where(table, **wanted)(world)))


def add(table: str, **row: Any) -> Corrupt:  # whatever a column holds
    service, _, name = table.partition(".")
    return lambda world: world.tables[service][name].append(row)


def record(event_type: str, **changes: Any) -> Corrupt:  # whatever a record holds
    """Change the first record of a type; with `drop=True` lose all its copies."""

    def corrupt(world: Look) -> None:
        index = next(i for i, r in enumerate(world.records) if event_type in r.type)
        if changes.get("drop"):
            lost = world.records[index].event_id
            world.records[:] = [r for r in world.records if r.event_id != lost]
        else:
            world.records[index] = dataclasses.replace(world.records[index], **changes)

    return corrupt


def neighbours(world: Look, event_type: str) -> tuple[int, int]:
    """Where the first event of a type is that another event of its key follows, and where that one is."""
    return next(
        (i, j)
        for i, one in enumerate(world.records)
        if event_type in one.type
        for j, other in enumerate(world.records[i + 1 :], i + 1)
        if (other.topic, other.key) == (one.topic, one.key) and other.event_id != one.event_id
    )


def swapped(event_type: str) -> Corrupt:
    """Swap an event with the next of its key."""

    def corrupt(world: Look) -> None:
        first, second = neighbours(world, event_type)
        one, other = world.records[first], world.records[second]
        world.records[first] = dataclasses.replace(other, offset=one.offset)
        world.records[second] = dataclasses.replace(one, offset=other.offset)

    return corrupt


def parted(event_type: str) -> Corrupt:
    """Move an event to another partition than the next of its key."""

    def corrupt(world: Look) -> None:
        first, _ = neighbours(world, event_type)
        world.records[first] = dataclasses.replace(world.records[first], partition=99)

    return corrupt


def scale(world: Look, kind: str, factor: int) -> None:
    """Multiply all legs of the first entry of a kind: it still balances."""
    entry = where("membership.entry", kind=kind)(world)["entry_id"]
    for posting in world.tables["membership"]["posting"]:
        if posting["entry_id"] == entry and isinstance(posting, dict):
            posting["amount_minor"] *= factor
