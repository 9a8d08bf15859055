"""Cash: V13 every movement of money has its evidence, and what is given away was decided by as many as it needs."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, groupby
from typing import Final, NamedTuple

from lutong_console.verify.collect import moment
from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_BEFORE: Final = "before"
"""Who decided, and what the evidence is, of rows from before either was kept."""


def cash_has_evidence(world: World) -> Iterator[Violation]:
    """V13: what is on a cash or clearing account came by a provider's word or a bank's reference, or was decided on."""
    yield from _moved_for_nothing(world)
    yield from _repaid(world)
    yield from _confirmed_wrongly(world)
    yield from _deducted(world)
    yield from _given(world)
    yield from _raised(world)
    yield from _decisions(world)
    for scope in ("member", "operator"):
        yield from _beyond_sums(world, scope)


def _moved_for_nothing(world: World) -> Iterator[Violation]:
    moved = world.select(
        """
        SELECT DISTINCT entry_id, kind FROM leg
         WHERE account IN ('platform:cash', 'platform:clearing') AND number IS NOT NULL
           AND kind NOT IN ('repayment', 'overpayment', 'deduction', 'payout')"""
    )
    for entry in moved:
        yield Violation("V13", f"cash moved by a {entry['kind']}", f"entry {entry['entry_id']}")


def _repaid(world: World) -> Iterator[Violation]:
    """What came, by repayment, is what evidence shows: amount, member, currency and account; nothing without, nothing twice."""
    repayments = world.by(
        "reference, member_id, currency, account",
        came="""
            SELECT reference, member_id, currency, account, sum(amount_minor) AS amount_minor FROM leg
             WHERE kind IN ('repayment', 'overpayment') AND account IN ('platform:cash', 'platform:clearing')
               AND reference <> ''
             GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
        evidence="""
            SELECT repayment_id AS reference, member_id, currency,
                   CASE evidence WHEN 'provider' THEN 'platform:clearing' ELSE 'platform:cash' END AS account,
                   sum(amount_minor) AS amount_minor
              FROM membership.repayment WHERE state = 'confirmed' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    )
    for (repayment, member, currency, account), of in repayments:
        came, evidence = (row["amount_minor"] if row else 0 for row in (of.one("came"), of.one("evidence")))
        if came != evidence:
            what = f"{came} were booked, and there is evidence of {evidence}"
            yield Violation("V13", what, f"repayment {repayment} of member {member}, {currency}, {account}")


def _confirmed_wrongly(world: World) -> Iterator[Violation]:
    """No one confirms a repayment of their own, and no reference confirms twice."""
    own = world.select(
        """
        SELECT repayment_id FROM membership.repayment
         WHERE state = 'confirmed' AND evidence <> ? AND decided_by IN (member_id, claimed_by)""",
        _BEFORE,
    )
    for row in own:
        yield Violation("V13", "confirmed by who asked to pay", f"repayment {row['repayment_id']}")
    twice = world.select(
        """
        SELECT evidence, bank, reference, count(*) AS times FROM membership.repayment
         WHERE state = 'confirmed' GROUP BY 1, 2, 3 HAVING times > 1"""
    )
    for row in twice:
        what = f"one reference confirmed {row['times']} repayments"
        yield Violation("V13", what, f"{row['evidence']} {row['bank']} {row['reference']}")


def _deducted(world: World) -> Iterator[Violation]:
    """What came by deduction is what the provider reports as taken."""
    deductions = world.by(
        "reference, member_id, currency",
        entry="""
            SELECT reference, member_id, currency, entry_id,
                   sum(CASE account WHEN 'platform:cash' THEN amount_minor END) AS cash_minor
              FROM leg WHERE kind = 'deduction' AND reference <> '' GROUP BY entry_id ORDER BY 1, 2, 3""",
        taken="""
            SELECT deduction_id AS reference, member_id, currency, amount_minor FROM membership.deduction
             WHERE state = 'succeeded' ORDER BY 1, 2, 3""",
    )
    for _, of in deductions:
        taken = row["amount_minor"] if (row := of.one("taken")) else None
        for entry in of.each("entry"):
            if entry["cash_minor"] != taken:
                yield Violation("V13", f"booked a deduction that took {taken}", f"entry {entry['entry_id']}")


def _given(world: World) -> Iterator[Violation]:
    """What is paid out, waived or written off is what was decided: amount, member and currency."""
    gifts = world.by(
        "kind, reference, member_id, currency",
        given="""
            SELECT kind, reference, member_id, currency, sum(amount_minor) AS amount_minor FROM leg
             WHERE reference <> '' AND amount_minor > 0
               AND (kind = 'payout' AND account GLOB 'credit:*' OR kind = 'waiver' AND account GLOB 'platform:waivers*'
                    OR kind = 'write_off' AND account GLOB 'platform:losses*')
             GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
        decided="""
            SELECT kind, decision_id AS reference, member_id, currency, sum(amount_minor) AS amount_minor
              FROM membership.decision WHERE kind IN ('payout', 'waiver', 'write_off')
             GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    )
    for (kind, decision, member, currency), of in gifts:
        given, decided = (row["amount_minor"] if row else 0 for row in (of.one("given"), of.one("decided")))
        if given != decided:
            what = f"a {kind} of {given}, and {decided} were decided"
            yield Violation("V13", what, f"decision {decision} of member {member}, {currency}")


def _raised(world: World) -> Iterator[Violation]:
    """No line was raised by more than was decided."""
    lines = world.by(
        "member_id, currency",
        raised="""
            SELECT member_id, currency, sum(max(0, amount_minor)) AS amount_minor FROM leg
             WHERE kind = 'line_changed' AND account = 'available:' || member_id GROUP BY 1, 2 ORDER BY 1, 2""",
        decided="""
            SELECT member_id, currency, sum(amount_minor) AS amount_minor FROM membership.decision
             WHERE kind = 'line' GROUP BY 1, 2 ORDER BY 1, 2""",
    )
    for (member, currency), of in lines:
        raised, decided = (row["amount_minor"] if row else 0 for row in (of.one("raised"), of.one("decided")))
        if raised > decided:
            what = f"a line was raised by {raised - decided} more than was decided"
            yield Violation("V13", what, f"member {member}, {currency}")


def _decisions(world: World) -> Iterator[Violation]:
    """Above the sums another one approved, who proposed it not."""
    decisions = world.by(
        "decision_id",
        decision="SELECT * FROM membership.decision WHERE approved_by IS NOT NULL ORDER BY decision_id",
        proposal="SELECT proposal_id AS decision_id, * FROM membership.proposal ORDER BY 1",
    )
    for decision_id, of in decisions:
        row, found, where = of.one("decision"), of.one("proposal"), f"decision {decision_id}"
        if row is None:
            continue
        approver = row["approved_by"]
        if found is None or (found["state"], found["decided_by"]) != ("approved", approver):
            yield Violation("V13", "approved, and no proposal was approved", where)
        elif approver in {row["decided_by"], row["member_id"]} or found["proposed_by"] != row["decided_by"]:
            yield Violation("V13", "proposed and approved by one person, or approved by its beneficiary", where)


def _beyond_sums(world: World, scope: str) -> Iterator[Violation]:
    """Alone is within the sums that held then: each decision, with those before it in its period that count together with it."""
    who = {"member": "member_id", "operator": "decided_by"}[scope]
    alone = world.select(
        f"""
        SELECT decision_id, {who} AS name, currency, kind = 'line' AS is_line, amount_minor, counted_since, at,
               {scope}_limit_minor AS limit_minor
          FROM membership.decision WHERE approved_by IS NULL AND decided_by <> ? ORDER BY 2, 3, 4, at""",
        _BEFORE,
    )
    for (name, _, _), rows in groupby(alone, key=lambda row: (row["name"], row["currency"], row["is_line"])):
        for row, total in _with_those_before(list(rows)):
            if row["amount_minor"] and total > row["limit_minor"]:
                what = f"{total} were decided alone, and {row['limit_minor']} may be"
                yield Violation("V13", what, f"decision {row['decision_id']} ({scope} {name})")


class Summed(NamedTuple):
    """A decision, and the sum of its period up to it."""

    row: Row
    total: int


def _with_those_before(rows: list[Row]) -> Iterator[Summed]:
    """Decisions in order of time, each with the sum of its period up to it."""
    times = [moment(row, "at") for row in rows]
    sums = [0, *accumulate(row["amount_minor"] for row in rows)]
    for row, at in zip(rows, times, strict=True):
        yield Summed(row, sums[bisect_right(times, at)] - sums[bisect_right(times, moment(row, "counted_since"))])
