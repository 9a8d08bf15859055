"""Which visits earn page views. Pure: no clock, no database, no ids made here.

One visitor of one source on one day of Asia/Shanghai earns once. Who came because of page views that we gave earns nothing: rewards
would feed on themselves.
"""

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

Outcome = Literal["granted", "bounced", "looped", "own_staff", "too_many_sources", "capped"]

ZONE: Final = ZoneInfo("Asia/Shanghai")
LATE_MAX: Final = timedelta(days=7)
"""How late a visit may be reported; page views are valid for longer than that."""
_AHEAD_MAX: Final = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours."""
_SIGNED_WITH: Final = 32


class Rule(NamedTuple):
    """What a unique visitor earns from a day on, for how long it is valid, and which visits count.

    A visit of less than `dwell_s_min` bounced. A visitor earns in at most `sources_max` sources of a program a day, a source has at
    most `uv_per_source_max` of them.
    """

    rule_id: int
    effective_from: date
    pv_per_uv: int
    valid_days: int
    dwell_s_min: int
    sources_max: int
    uv_per_source_max: int


class Source(NamedTuple):
    """Where visitors come from, with the secret of its program."""

    source_id: str
    program_id: str
    secret: str


class Visit(NamedTuple):
    """A visit as it is judged: by whom is a pseudonym. `after_slot`: it names the slot of ours that it came from."""

    program_id: str
    day: date
    visitor: str
    source_id: str
    dwell_s: int
    after_slot: bool
    own_staff: bool


class Key(NamedTuple):
    """What is counted once. The rule follows from the day."""

    program_id: str
    day: date
    visitor: str
    source_id: str


class Unique(NamedTuple):
    """A unique visitor, with what they earned."""

    program_id: str
    day: date
    visitor: str
    source_id: str
    rule_id: int
    outcome: str
    pv: int

    @property
    def key(self) -> Key:
        """What is counted once."""
        return Key(*self[:4])


@dataclass(slots=True)
class Seen:
    """What is known of visitors, growing with each visit that is judged."""

    outcomes: dict[Key, str] = field(default_factory=dict)
    sources: Counter[tuple[str, date, str]] = field(default_factory=Counter)
    """Sources in which a visitor of a program earned on a day."""
    uniques: Counter[tuple[str, date]] = field(default_factory=Counter)
    """Visitors who earned for a source on a day."""
    looped: set[tuple[str, date, str]] = field(default_factory=set)
    """Visitors of programs to whom a slot of ours showed it that day."""


def day_of(moment: datetime) -> date:
    """The day of a moment in Asia/Shanghai."""
    return moment.astimezone(ZONE).date()


def midnight(day: date) -> datetime:
    """When a day begins there."""
    return datetime.combine(day, time.min, ZONE)


def rule_of(rules: Sequence[Rule], day: date) -> Rule:
    """The rule of a day: a day has one, so that nobody is counted by two."""
    return max(
        (each for each in rules if each.effective_from <= day), key=lambda each: (each.effective_from, each.rule_id)
    )


def expires_at(rule: Rule, day: date) -> datetime:
    """When what was earned on a day ends."""
    return midnight(day + timedelta(days=rule.valid_days + 1))


def signed(source_id: str, secret: str) -> str:
    """A source as its QR code has it: its id, and a word that only we can make."""
    return f"{source_id}~{hmac.digest(secret.encode(), f'source {source_id}'.encode(), sha256).hex()[:_SIGNED_WITH]}"


def source_named(code: str) -> str:
    """The id that a code claims to be of."""
    return code.partition("~")[0]


def is_signed(code: str, source: Source) -> bool:
    """Whether a code is ours."""
    return hmac.compare_digest(code.encode(), signed(source.source_id, source.secret).encode())


def pseudonym(visitor_id: str, secret: str) -> str:
    """A visitor as they are kept: the same for all visits of one program, and for no other program."""
    return hmac.digest(secret.encode(), f"visitor {visitor_id}".encode(), sha256).hex()[:_SIGNED_WITH]


def why_not_in_time(at: datetime, now: datetime) -> str | None:
    """Why a visit of a moment is not taken, if it is not."""
    if at > now + _AHEAD_MAX:
        return "is in the future: set the clock of the client"
    if day_of(at) < day_of(now - LATE_MAX):
        return f"is more than {LATE_MAX.days} days past: report visits sooner"
    return None


def judge(visits: Iterable[Visit], rules: Sequence[Rule], seen: Seen) -> dict[Key, Unique]:
    """Unique visitors that are new or earn only now, by their keys. One who bounced may come back; nothing else is looked at twice."""
    found: dict[Key, Unique] = {}
    for visit in visits:
        key, rule = Key(*visit[:4]), rule_of(rules, visit.day)
        if seen.outcomes.get(key, "bounced") != "bounced":
            continue
        outcome = _outcome(visit, rule, seen)
        if seen.outcomes.get(key) == outcome:
            continue
        seen.outcomes[key] = outcome
        if outcome == "granted":
            seen.sources[visit[:3]] += 1
            seen.uniques[(visit.source_id, visit.day)] += 1
        found[key] = Unique(*key, rule.rule_id, outcome, rule.pv_per_uv if outcome == "granted" else 0)
    return found


def _outcome(visit: Visit, rule: Rule, seen: Seen) -> Outcome:
    if visit.own_staff:
        return "own_staff"
    if visit.after_slot or visit[:3] in seen.looped:
        return "looped"
    if visit.dwell_s < rule.dwell_s_min:
        return "bounced"
    if seen.sources[visit[:3]] >= rule.sources_max:
        return "too_many_sources"
    if seen.uniques[(visit.source_id, visit.day)] >= rule.uv_per_source_max:
        return "capped"
    return "granted"


class Earned(NamedTuple):
    """What a program earned on a day, by a rule."""

    program_id: str
    day: date
    rule_id: int


def earned(uniques: Iterable[Unique]) -> Mapping[Earned, list[Unique]]:
    """Those who earned, together by what they earned for."""
    found: dict[Earned, list[Unique]] = {}
    for each in uniques:
        if each.pv:
            found.setdefault(Earned(each.program_id, each.day, each.rule_id), []).append(each)
    return dict(sorted(found.items()))
