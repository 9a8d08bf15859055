"""Cash: V13 every movement of money has its evidence, and what is given away was decided by as many as it needs."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from lutong_console.verify.collect import Row, World, moment
from lutong_console.verify.violation import Violation

_ACCOUNT_OF: Final = {"bank": "platform:cash", "provider": "platform:clearing", "before": "platform:cash"}
_COMES: Final = {"repayment", "overpayment"}
_DECIDED: Final = {"payout": "credit:", "waiver": "platform:waivers", "write_off": "platform:losses"}
_GIFTS: Final = frozenset(_DECIDED)
_BEFORE: Final = "before"
"""Who decided, and what the evidence is, of rows from before either was kept."""

Money = tuple[str, str, str]
"""(reference, member, currency)."""

Came = tuple[str, str, str, str]
"""(repayment, member, currency, account)."""


class Booked(NamedTuple):
    """An entry of the ledger, and its postings: minor units by account."""

    entry: Row
    legs: dict[str, int]


def cash_has_evidence(world: World) -> Iterator[Violation]:
    """V13: what is on a cash or clearing account came by a provider's word or a bank's reference, or was decided on."""
    legs: dict[int, dict[str, int]] = defaultdict(dict)
    for posting in world.rows("membership", "posting"):
        legs[posting["entry_id"]][posting["account"]] = posting["amount_minor"]
    entries = [
        Booked(entry, legs[entry["entry_id"]]) for entry in world.rows("membership", "entry") if entry["reference"]
    ]
    yield from _moved_for_nothing(world, legs)
    yield from _repaid(world, entries)
    yield from _deducted(world, entries)
    yield from _given(world, entries)
    yield from _raised(world, legs)
    yield from _decisions(world)


def _moved_for_nothing(world: World, legs: dict[int, dict[str, int]]) -> Iterator[Violation]:
    for entry in world.rows("membership", "entry"):
        moves = any(account in _ACCOUNT_OF.values() for account in legs[entry["entry_id"]])
        if moves and entry["number"] is not None and entry["kind"] not in _COMES | {"deduction", "payout"}:
            yield Violation("V13", f"cash moved by a {entry['kind']}", f"entry {entry['entry_id']}")


def _repaid(world: World, entries: list[Booked]) -> Iterator[Violation]:
    """What came, by repayment, is what the evidence shows: amount, member, currency and account; nothing without, nothing twice."""
    confirmed = [row for row in world.rows("membership", "repayment") if row["state"] == "confirmed"]
    came: Counter[Came] = Counter()
    for entry, legs in entries:
        for account in legs.keys() & set(_ACCOUNT_OF.values()) if entry["kind"] in _COMES else ():
            came[entry["reference"], entry["member_id"], entry["currency"], account] += legs[account]
    wanted: Counter[Came] = Counter()
    for row in confirmed:
        account = _ACCOUNT_OF[row["evidence"]]
        wanted[row["repayment_id"], row["member_id"], row["currency"], account] += row["amount_minor"]
    for key in sorted(came.keys() | wanted.keys()):
        if came[key] != wanted[key]:
            what = f"{came[key]} were booked, and there is evidence of {wanted[key]}"
            yield Violation("V13", what, f"repayment {key[0]} of member {key[1]}, {key[2]}, {key[3]}")
    yield from _confirmed_wrongly(confirmed)


def _confirmed_wrongly(confirmed: list[Row]) -> Iterator[Violation]:
    """No one confirms a repayment of their own, and no reference confirms twice."""
    for row in confirmed:
        if row["evidence"] != _BEFORE and row["decided_by"] in {row["member_id"], row["claimed_by"]}:
            yield Violation("V13", "confirmed by who asked to pay", f"repayment {row['repayment_id']}")
    used = Counter((row["evidence"], row["bank"], row["reference"]) for row in confirmed)
    for (evidence, bank, reference), times in used.items():
        if times > 1:
            yield Violation("V13", f"one reference confirmed {times} repayments", f"{evidence} {bank} {reference}")


def _deducted(world: World, entries: list[Booked]) -> Iterator[Violation]:
    """What came by deduction is what the provider reports as taken."""
    taken = {
        (row["deduction_id"], row["member_id"], row["currency"]): row["amount_minor"]
        for row in world.rows("membership", "deduction")
        if row["state"] == "succeeded"
    }
    for entry, legs in entries:
        if entry["kind"] == "deduction":
            amount = taken.get((entry["reference"], entry["member_id"], entry["currency"]))
            if legs.get("platform:cash") != amount:
                yield Violation("V13", f"booked a deduction that took {amount}", f"entry {entry['entry_id']}")


def _given(world: World, entries: list[Booked]) -> Iterator[Violation]:
    """What is paid out, waived or written off is what was decided: amount, member and currency."""
    given: Counter[tuple[str, Money]] = Counter()
    for entry, legs in entries:
        account = _DECIDED.get(entry["kind"])
        if account:
            amount = sum(leg for name, leg in legs.items() if name.startswith(account) and leg > 0)
            given[entry["kind"], (entry["reference"], entry["member_id"], entry["currency"])] += amount
    decided: Counter[tuple[str, Money]] = Counter()
    for row in world.rows("membership", "decision"):
        if row["kind"] in _GIFTS:
            decided[row["kind"], (row["decision_id"], row["member_id"], row["currency"])] += row["amount_minor"]
    for kind, money in sorted(given.keys() | decided.keys()):
        key = (kind, money)
        if given[key] != decided[key]:
            what = f"a {kind} of {given[key]}, and {decided[key]} were decided"
            yield Violation("V13", what, f"decision {money[0]} of member {money[1]}, {money[2]}")


def _raised(world: World, legs: dict[int, dict[str, int]]) -> Iterator[Violation]:
    """No line was raised by more than was decided."""
    raised: Counter[tuple[str, str]] = Counter()
    for entry in world.rows("membership", "entry"):
        if entry["kind"] == "line_changed":
            by = legs[entry["entry_id"]].get(f"available:{entry['member_id']}", 0)
            raised[entry["member_id"], entry["currency"]] += max(0, by)
    for row in world.rows("membership", "decision"):
        if row["kind"] == "line":
            raised[row["member_id"], row["currency"]] -= row["amount_minor"]
    for (member, currency), beyond in raised.items():
        if beyond > 0:
            yield Violation(
                "V13", f"a line was raised by {beyond} more than was decided", f"member {member}, {currency}"
            )


def _decisions(world: World) -> Iterator[Violation]:
    """Alone is within the sums that held then; above them another one approved, who proposed it not."""
    proposals = {row["proposal_id"]: row for row in world.rows("membership", "proposal")}
    alone: list[Row] = []
    for row in world.rows("membership", "decision"):
        where, approver = f"decision {row['decision_id']}", row["approved_by"]
        if approver is None:
            alone += [row] if row["decided_by"] != _BEFORE else []
            continue
        found = proposals.get(row["decision_id"])
        if found is None or (found["state"], found["decided_by"]) != ("approved", approver):
            yield Violation("V13", "approved, and no proposal was approved", where)
        elif approver in {row["decided_by"], row["member_id"]} or found["proposed_by"] != row["decided_by"]:
            yield Violation("V13", "proposed and approved by one person, or approved by its beneficiary", where)
    yield from _beyond_sums(alone)


def _beyond_sums(alone: list[Row]) -> Iterator[Violation]:
    """Each decision, with those before it in its period that count together with it."""
    groups: dict[tuple[str, str, str, bool], list[Row]] = defaultdict(list)
    for row in alone:
        is_line = row["kind"] == "line"
        groups["member", row["member_id"], row["currency"], is_line].append(row)
        groups["operator", row["decided_by"], row["currency"], is_line].append(row)
    for (scope, name, _, _), rows in groups.items():
        for row in rows:
            if not row["amount_minor"]:
                continue
            since, at = moment(row, "counted_since"), moment(row, "at")
            total = sum(other["amount_minor"] for other in rows if since < moment(other, "at") <= at)
            if total > row[f"{scope}_limit_minor"]:
                what = f"{total} were decided alone, and {row[f'{scope}_limit_minor']} may be"
                yield Violation("V13", what, f"decision {row['decision_id']} ({scope} {name})")
