"""Traffic rewards: V29 no page view is made or lost, each was granted once, and what is left is where it can be spent."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from lutong_console.verify.joining import Group, Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_MOVES: Final = {
    "grant": ("granted", "available"),
    "reserve": ("available", "held"),
    "spend": ("held", "spent"),
    "release": ("held", "available"),
    "expire": ("available", "expired"),
    "reverse": ("available", "reversed"),
}
"""Which accounts each kind of row moves page views between."""
_HOLDS: Final = ("spent", "expired", "reversed", "available", "held")


def traffic_conserves(world: World) -> Iterator[Violation]:
    """V29: per program granted = spent + expired + reversed + available + held, each the fold of the ledger and none below zero at any
    step; what was granted is what unique visitors earned, once each; lots hold what is available, open spends what is held;
    and what was reversed is taken back or a debt.
    """
    programs = world.by(
        "program_id",
        account="SELECT * FROM registry.traffic_account ORDER BY program_id",
        entry="SELECT * FROM registry.traffic_entry ORDER BY program_id, entry_id",
        earned="SELECT * FROM registry.traffic_earned ORDER BY program_id",
        lot="SELECT program_id, sum(remaining) AS pv FROM registry.traffic_lot GROUP BY 1 ORDER BY 1",
        spend="SELECT * FROM registry.traffic_spend ORDER BY program_id",
    )
    for program_id, of in programs:
        where = f"page views of {program_id}"
        account = of.one("account")
        if account is None:
            yield Violation("V29", "it has page views and no account", where)
            continue
        folded = Counter[str]()
        for entry in of.each("entry"):
            yield from _moved(entry, folded, where)
        for name in ("granted", *_HOLDS):
            if account[name] != folded[name]:
                yield Violation("V29", f"{name} is {account[name]}, and its ledger adds up to {folded[name]}", where)
        if account["granted"] != sum(account[name] for name in _HOLDS):
            yield Violation("V29", f"{account['granted']} were granted, and others are there", where)
        yield from _compared(account, of, where)


def _moved(entry: Row, folded: Counter[str], where: str) -> Iterator[Violation]:
    debit, credit, pv = entry["debit"], entry["credit"], entry["pv"]
    if _MOVES.get(entry["kind"]) != (debit, credit) or pv <= 0:
        yield Violation("V29", f"row {entry['entry_id']} moves {pv} from {debit} to {credit} ({entry['kind']})", where)
    folded[debit] += pv if debit == "granted" else -pv
    folded[credit] += pv
    if folded[debit] < 0:
        yield Violation("V29", f"{debit} is below zero after row {entry['entry_id']}", where)


def _compared(account: Row, of: Group, where: str) -> Iterator[Violation]:
    """What the account has, beside what it is about."""
    earned: Counter[str] = Counter()
    for row in of.each("earned"):
        earned[row["outcome"]] += row["pv"]
    lots = sum(row["pv"] for row in of.each("lot"))
    held = sum(row["pv"] for row in of.all("spend") if row["state"] == "reserved")
    spent = sum(row["used"] for row in of.all("spend") if row["state"] == "confirmed")
    pairs = [
        ("granted", account["granted"], "earned by visitors", earned["granted"] + earned["reversed"]),
        ("taken back", account["reversed"] + account["debt"], "reversed of visitors", earned["reversed"]),
        ("available", account["available"], "left in days", lots),
        ("held", account["held"], "held by open spends", held),
        ("spent", account["spent"], "shown by spends", spent),
    ]
    for name, has, other, found in pairs:
        if has != found:
            yield Violation("V29", f"{has} are {name}, and {found} {other}", where)
