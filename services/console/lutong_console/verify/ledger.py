"""The ledger: V3 it balances, nobody bent it, and lines are its sums; V4 credit stays within limits at every step."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC
from typing import Final

from lutong_console.verify.collect import Row, World, moment
from lutong_console.verify.violation import Violation

_GENESIS: Final = bytes(32)
_ON_THE_LINE: Final = ("available", "held", "owed")
_BESIDE_IT: Final = ("charged", "uncovered")
_DEBTS: Final = {"order": "owed_minor", "charge": "charged_minor", "uncovered": "uncovered_minor"}

Line = tuple[str, str]
"""(member, currency)."""


def ledger_balances(world: World) -> Iterator[Violation]:
    """V3: every entry balances and has two legs; the lines are what the ledger adds up to; the chain is unbroken."""
    legs = _legs(world)
    entries = {row["entry_id"]: row for row in world.rows("membership", "entry")}
    balances: Counter[tuple[str, str]] = Counter()
    for entry_id, entry in entries.items():
        mine = legs.get(entry_id, {})
        if len(mine) < 2 or sum(mine.values()) != 0:
            where = f"entry {entry_id} ({entry['kind']}, order {entry['order_id']})"
            yield Violation("V3", "an entry does not balance", where)
        for account, amount in mine.items():
            balances[account, entry["currency"]] += amount
    for entry_id in sorted(legs.keys() - entries.keys()):
        yield Violation("V3", "postings without an entry", f"entry {entry_id}")
    for line in world.rows("membership", "line"):
        folded, columns = _folded(line, balances), _columns(line)
        if folded != columns:
            where = f"member {line['member_id']}, {line['currency']}"
            yield Violation("V3", f"the line has {columns}, the ledger {folded}", where)
    yield from _chains(world, legs)


def _legs(world: World) -> dict[int, dict[str, int]]:
    legs: dict[int, dict[str, int]] = defaultdict(dict)
    for posting in world.rows("membership", "posting"):
        legs[posting["entry_id"]][posting["account"]] = posting["amount_minor"]
    return legs


def _columns(line: Row) -> tuple[int, ...]:
    available = line["limit_minor"] - line["held_minor"] - line["owed_minor"]
    return (available, *(line[f"{name}_minor"] for name in ("held", "owed", "charged", "uncovered", "credit")))


def _folded(line: Row, balances: Counter[tuple[str, str]]) -> tuple[int, ...]:
    member, currency = line["member_id"], line["currency"]
    of = {name: balances[f"{name}:{member}", currency] for name in (*_ON_THE_LINE, *_BESIDE_IT, "credit")}
    return (*(of[name] for name in (*_ON_THE_LINE, *_BESIDE_IT)), -of["credit"])


def _chains(world: World, legs: dict[int, dict[str, int]]) -> Iterator[Violation]:
    """Each line's entries are numbered, each hash covers the one before, and the line knows the last."""
    chains: dict[Line, list[Row]] = defaultdict(list)
    for entry in world.rows("membership", "entry"):
        key = (entry["member_id"], entry["currency"])
        if entry["number"] is not None:
            chains[key].append(entry)
        elif chains[key]:
            yield Violation("V3", "an entry without a hash follows one that has it", f"entry {entry['entry_id']}")
    for line in world.rows("membership", "line"):
        chain = sorted(chains[line["member_id"], line["currency"]], key=lambda entry: int(entry["number"]))
        head, where = _GENESIS, f"member {line['member_id']}, {line['currency']}"
        for number, entry in enumerate(chain, 1):
            digest = hashlib.sha256(head + _canonical(entry, number, legs.get(entry["entry_id"], {}))).digest()
            if (entry["number"], entry["previous_hash"], entry["hash"]) != (number, head, digest):
                yield Violation("V3", f"the chain breaks at entry {entry['entry_id']}", where)
                break
            head = digest
        else:
            if (line["entries"], line["head"]) != (len(chain), head):
                yield Violation("V3", "the line does not know the end of its chain", where)


def _canonical(entry: Row, number: int, legs: dict[str, int]) -> bytes:
    """What a hash is taken of, worked out here anew."""
    about = [entry[name] or "" for name in ("order_id", "agreement_id", "debt_id", "reference")]
    stamp = moment(entry, "at").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    postings = ",".join(f"{account}={amount}" for account, amount in sorted(legs.items()))
    return "|".join(
        [str(number), entry["kind"], entry["member_id"], entry["currency"], *about, stamp, postings]
    ).encode()


def credit_stays_in_limits(world: World) -> Iterator[Violation]:
    """V4: at every step nothing is below zero, and a hold is only placed where all that is owed leaves room."""
    legs = _legs(world)
    running: Counter[tuple[str, str]] = Counter()
    broken: set[str] = set()
    for entry in world.rows("membership", "entry"):
        member, currency = entry["member_id"], entry["currency"]
        for account, amount in legs.get(entry["entry_id"], {}).items():
            running[account, currency] += amount
        of = {name: running[f"{name}:{member}", currency] for name in (*_ON_THE_LINE, *_BESIDE_IT, "credit")}
        below = next((n for n, amount in of.items() if (amount > 0 if n == "credit" else amount < 0)), None)
        where = f"member {member} after entry {entry['entry_id']} (order {entry['order_id']})"
        if below and member not in broken:
            broken.add(member)
            yield Violation("V4", f"{below} is below zero", where)
        elif entry["kind"] == "hold" and of["available"] < of["charged"] + of["uncovered"] and entry["number"]:
            yield Violation("V4", "held beyond what charges and uncovered goods leave", where)
    yield from _open_holds(world)
    yield from _limits_and_debts(world)


def _open_holds(world: World) -> Iterator[Violation]:
    """What a line has as held is the sum of its open holds."""
    held: Counter[Line] = Counter()
    for hold in world.rows("membership", "hold"):
        if hold["state"] == "held":
            held[hold["member_id"], hold["currency"]] += hold["amount_minor"]
    for line in world.rows("membership", "line"):
        if held[line["member_id"], line["currency"]] != line["held_minor"]:
            where = f"member {line['member_id']}, {line['currency']}"
            yield Violation("V4", "what is held is not the sum of open holds", where)


def _limits_and_debts(world: World) -> Iterator[Violation]:
    """A limit is its target, or what is in use while that is more; what is owed is the sum of unpaid debts, by kind."""
    unpaid: Counter[tuple[str, str, str]] = Counter()
    for debt in world.rows("membership", "debt"):
        unpaid[debt["member_id"], debt["currency"], debt["kind"]] += debt["outstanding_minor"]
    for line in world.rows("membership", "line"):
        key, where = (line["member_id"], line["currency"]), f"member {line['member_id']}, {line['currency']}"
        if line["limit_minor"] != max(line["target_minor"], line["held_minor"] + line["owed_minor"]):
            yield Violation("V4", "the limit is neither its target nor what is in use", where)
        for kind, column in _DEBTS.items():
            if unpaid[*key, kind] != line[column]:
                yield Violation("V4", f"{column} is not the sum of unpaid debts", where)
