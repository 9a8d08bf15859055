"""The ledger: V3 it balances, nobody bent it, and lines are its sums; V4 credit stays within limits at every step."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final

import orjson

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_GENESIS: Final = bytes(32)
_ON_THE_LINE: Final = ("available", "held", "owed")
_BESIDE_IT: Final = ("charged", "uncovered")
_ACCOUNTS: Final = (*_ON_THE_LINE, *_BESIDE_IT, "credit")
_DEBTS: Final = {"order": "owed_minor", "charge": "charged_minor", "uncovered": "uncovered_minor"}

_LINES: Final = "SELECT * FROM membership.line ORDER BY member_id, currency"


def ledger_balances(world: World) -> Iterator[Violation]:
    """V3: every entry balances and has two legs; the lines are what the ledger adds up to; the chain is unbroken."""
    entries = world.by(
        "entry_id",
        entry="SELECT entry_id, kind, order_id FROM membership.entry ORDER BY entry_id",
        leg="SELECT entry_id, account, amount_minor FROM membership.posting ORDER BY entry_id",
    )
    for entry_id, of in entries:
        entry, legs = of.one("entry"), {leg["account"]: leg["amount_minor"] for leg in of.all("leg")}
        if entry is None:
            yield Violation("V3", "postings without an entry", f"entry {entry_id}")
        elif len(legs) < 2 or sum(legs.values()) != 0:
            where = f"entry {entry_id} ({entry['kind']}, order {entry['order_id']})"
            yield Violation("V3", "an entry does not balance", where)
    yield from _lines(world)


def _lines(world: World) -> Iterator[Violation]:
    """Each line with its balances and its chain."""
    lines = world.by(
        "member_id, currency",
        line=_LINES,
        balance="""
            SELECT substr(account, instr(account, ':') + 1) AS member_id, currency,
                   substr(account, 1, instr(account, ':') - 1) AS account, sum(amount_minor) AS amount_minor
              FROM leg GROUP BY leg.account, currency ORDER BY 1, 2""",
        entry="SELECT member_id, currency, entry_id, number FROM membership.entry ORDER BY member_id, currency, rowid",
        link="SELECT * FROM booked WHERE number IS NOT NULL ORDER BY member_id, currency, number",
    )
    for (member, currency), of in lines:
        line, where = of.one("line"), f"member {member}, {currency}"
        if line is not None:
            balances = Counter({row["account"]: row["amount_minor"] for row in of.all("balance")})
            folded, columns = _folded(balances), _columns(line)
            if folded != columns:
                yield Violation("V3", f"the line shows {columns}, the ledger {folded}", where)
        yield from _pushed_in(of)
        if line is not None and (what := _broken_at(line, of)):
            yield Violation("V3", what, where)


def _columns(line: Row) -> tuple[int, ...]:
    available = line["limit_minor"] - line["held_minor"] - line["owed_minor"]
    return (available, *(line[f"{name}_minor"] for name in ("held", "owed", "charged", "uncovered", "credit")))


def _folded(balances: Mapping[str, int]) -> tuple[int, ...]:
    return (*(balances[name] for name in (*_ON_THE_LINE, *_BESIDE_IT)), -balances["credit"])


def _pushed_in(of: Group) -> Iterator[Violation]:
    """Entries from before there were chains have no number, and come first."""
    has_begun = False
    for entry in of.each("entry"):
        if entry["number"] is not None:
            has_begun = True
        elif has_begun:
            yield Violation("V3", "an entry without a hash follows one that has it", f"entry {entry['entry_id']}")


def _broken_at(line: Row, of: Group) -> str | None:
    """Where a line's chain breaks: entries are numbered, each hash covers the one before, and the line knows the last."""
    head, number = _GENESIS, 0
    for number, entry in enumerate(of.each("link"), 1):  # how many there were
        digest = hashlib.sha256(head + _canonical(entry, number)).digest()
        if (entry["number"], entry["previous_hash"], entry["hash"]) != (number, head, digest):
            return f"the chain breaks at entry {entry['entry_id']}"
        head = digest
    return None if (line["entries"], line["head"]) == (number, head) else "the line does not know the end of its chain"


def _canonical(entry: Row, number: int) -> bytes:
    """What a hash is taken of, worked out here anew."""
    about = [entry[name] or "" for name in ("order_id", "agreement_id", "debt_id", "reference")]
    stamp = moment(entry, "at").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    postings = ",".join(f"{account}={amount}" for account, amount in sorted(orjson.loads(entry["legs"]).items()))
    return "|".join(
        [str(number), entry["kind"], entry["member_id"], entry["currency"], *about, stamp, postings]
    ).encode()


def credit_stays_in_limits(world: World) -> Iterator[Violation]:
    """V4: at every step nothing is below zero, and a hold is only placed where all that is owed leaves room."""
    lines = world.by(
        "member_id, currency",
        line=_LINES,
        entry="""
            SELECT member_id, currency, entry_id, kind, order_id, number, legs FROM booked
             ORDER BY member_id, currency, place""",
        held="""
            SELECT member_id, currency, sum(amount_minor - captured_minor) AS amount_minor FROM membership.hold
             WHERE state = 'held' GROUP BY 1, 2 ORDER BY 1, 2""",
        unpaid="""
            SELECT member_id, currency, kind, sum(outstanding_minor) AS amount_minor FROM membership.debt
             GROUP BY 1, 2, 3 ORDER BY 1, 2""",
    )
    for (member, currency), of in lines:
        yield from _steps(member, of.each("entry"))
        if (line := of.one("line")) is not None:
            for what in _limits_and_debts(line, of):
                yield Violation("V4", what, f"member {member}, {currency}")


def _steps(member: str, entries: Iterator[Row]) -> Iterator[Violation]:
    """What a member's accounts are after each entry."""
    running: Counter[str] = Counter()
    is_broken = False
    for entry in entries:
        running.update(orjson.loads(entry["legs"]))
        of = {name: running[f"{name}:{member}"] for name in _ACCOUNTS}
        below = next((n for n, amount in of.items() if (amount > 0 if n == "credit" else amount < 0)), None)
        where = f"member {member} after entry {entry['entry_id']} (order {entry['order_id']})"
        if below and not is_broken:
            is_broken = True
            yield Violation("V4", f"{below} is below zero", where)
        elif entry["kind"] == "hold" and of["available"] < of["charged"] + of["uncovered"] and entry["number"]:
            yield Violation("V4", "held beyond what charges and uncovered goods leave", where)


def _limits_and_debts(line: Row, of: Group) -> Iterator[str]:
    """What is held is the sum of open holds, and what is owed of unpaid debts by kind; a limit is its target, or what is in use."""
    held = of.one("held")
    if line["held_minor"] != (held["amount_minor"] if held else 0):
        yield "what is held is not the sum of open holds"
    if line["limit_minor"] != max(line["target_minor"], line["held_minor"] + line["owed_minor"]):
        yield "the limit is neither its target nor what is in use"
    unpaid = Counter({row["kind"]: row["amount_minor"] for row in of.all("unpaid")})
    for kind, column in _DEBTS.items():
        if unpaid[kind] != line[column]:
            yield f"{column} is not the sum of unpaid debts"
