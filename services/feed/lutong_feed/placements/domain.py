"""What comes first in a placement. Pure and versioned: the same candidates and signals give the same order. No clock, no database.

An item's score is the product of its factors, each above 0 and at most 1, each to the power that its placement gives it. Then the order
is spread: no two of one author, program or original in a row where another one is left. A walk shows each original once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

from lutong_contracts.touches import Placement

RULES: Final = 2
"""The version of these rules, 1 to 4095: in each answer and in each touch. A change of any figure below is a new one."""

Offered = Literal["home", "square", "recent", "hottest", "for_you", "account_home"]
"""Placements that are ranked: the home feed, and the ways in to mini-programs."""
OFFERED: Final[frozenset[Placement]] = frozenset(get_args(Offered))

Fallback = Literal["switched_off", "signals_slow", "signals_failed"]
"""Why the newest come first although a ranking was asked for."""

ActKind = Literal["open", "tap", "solve", "request", "show_less"]

WINDOW: Final = 60
"""So many posts of the home feed are ranked among each other, then the next older ones: a walk down it reaches all of them."""
WINDOWS_MAX: Final = 5
"""So many windows are looked at for a page, where all that they have was shown before."""
SHOWN_MAX: Final = 200
"""So many originals that may come again a walk remembers, the latest: reposts of them are left out."""
PROGRAMS: Final = 100
"""So many programs are ranked in a placement of programs."""
ACTS: Final = 400
"""So many of a reader's latest acts are looked at."""
LOOK_BACK: Final = timedelta(days=30)
"""For how long a act of a reader matters."""
HEAT_DAYS: Final = 7
"""Days of use that heat is made of, today among them."""

_POINTS: Final[Mapping[ActKind, float]] = {"open": 0.5, "tap": 1.0, "solve": 2.0, "request": 4.0, "show_less": 0.0}
_ACT_HALF_LIFE: Final = timedelta(days=14)
_USE_POINTS: Final = (1, 2, 4)
"""What a tap, a solution and a request add to the heat."""
_LESS: Final = 4.0
"""How strongly each *less of this* weighs."""
_FLOOR: Final = 0.1


class Weights(NamedTuple):
    """How much each factor counts in a placement: the power that it is raised to. `half_life` is that of freshness."""

    interest: float
    graph: float
    heat: float
    freshness: float
    ability: float
    half_life: timedelta


WEIGHTS: Final[Mapping[Offered, Weights]] = {
    "home": Weights(1.0, 0.5, 0.5, 1.0, 0.5, timedelta(hours=12)),
    "square": Weights(1.0, 0.5, 1.0, 0.25, 1.0, timedelta(days=7)),
    "recent": Weights(2.0, 0.0, 0.0, 0.0, 0.5, timedelta(days=7)),
    "hottest": Weights(0.0, 0.0, 1.0, 0.0, 1.0, timedelta(days=7)),
    "for_you": Weights(1.0, 1.0, 0.5, 0.5, 1.0, timedelta(days=7)),
    "account_home": Weights(0.5, 0.0, 0.5, 0.5, 1.0, timedelta(days=7)),
}


class Candidate(NamedTuple):
    """A post that may be shown. `ability` is how well its card can be fulfilled here: 1 at once, 0.5 without a card, 0 not at all."""

    number: int
    author_id: str
    root_id: str
    program_id: str | None
    published_at: datetime
    uses: int
    """Of the card on this post, as its counters have it."""
    ability: float


class Act(NamedTuple):
    """What a reader did with a post: with its author, and with the program of its card."""

    kind: ActKind
    author_id: str
    program_id: str | None
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of a reader and of programs, at one moment. `heat` is the uses of programs lately."""

    reader_id: str | None
    as_of: datetime
    acts: tuple[Act, ...] = ()
    follows: frozenset[str] = frozenset()
    followed_by: frozenset[str] = frozenset()
    heat: Mapping[str, int] = field(default_factory=dict)


class Factors(NamedTuple):
    """Why an item stands where it does: each above 0 and at most 1. `wanted` falls with each *less of this*."""

    interest: float
    graph: float
    heat: float
    freshness: float
    ability: float
    wanted: float


class Ranked(NamedTuple):
    """An item with its factors and its score."""

    candidate: Candidate
    factors: Factors
    score: float


class Taste(NamedTuple):
    """What a reader's acts come to, by author and by program: points, and how often they wanted less."""

    points: Mapping[tuple[str, str], float]
    less: Mapping[tuple[str, str], int]
    uses: Mapping[str, int]
    """How often they used each program."""


def heat_of(taps: int, solved: int, requested: int) -> int:
    """How much was done with a program: an order weighs more than a look."""
    return sum(times * weight for times, weight in zip((taps, solved, requested), _USE_POINTS, strict=True))


def taste(signals: Signals) -> Taste:
    """What a reader's acts come to; one of two weeks ago counts half."""
    points: dict[tuple[str, str], float] = {}
    less: dict[tuple[str, str], int] = {}
    uses: dict[str, int] = {}
    for act in signals.acts:
        subjects = [("author", act.author_id), *([("program", act.program_id)] if act.program_id else [])]
        worth = _POINTS[act.kind] * _decay(signals.as_of - act.happened_at, _ACT_HALF_LIFE)
        for subject in subjects:
            points[subject] = points.get(subject, 0.0) + worth
            less[subject] = less.get(subject, 0) + (act.kind == "show_less")
        if act.program_id and act.kind in ("tap", "solve", "request"):
            uses[act.program_id] = uses.get(act.program_id, 0) + 1
    return Taste(points, less, uses)


def factors(candidate: Candidate, signals: Signals, liking: Taste, half_life: timedelta) -> Factors:
    """The factors of an item."""
    subjects = [("author", candidate.author_id)]
    if candidate.program_id:
        subjects.append(("program", candidate.program_id))
    points = sum(liking.points.get(each, 0.0) for each in subjects)
    less = sum(liking.less.get(each, 0) for each in subjects)
    uses = candidate.uses + (signals.heat.get(candidate.program_id, 0) if candidate.program_id else 0)
    return Factors(
        interest=_above_floor(_share(points, 3.0)),
        graph=_graph(candidate.author_id, signals),
        heat=_above_floor(_share(uses, 50.0)),
        freshness=_above_floor(_decay(signals.as_of - candidate.published_at, half_life)),
        ability=_above_floor(candidate.ability),
        wanted=1 / (1 + _LESS * less),
    )


def score(of: Factors, weights: Weights) -> float:
    """The product of the factors, each to the power of its weight; what is not wanted counts in every placement."""
    powers = (weights.interest, weights.graph, weights.heat, weights.freshness, weights.ability, 1.0)
    return math.prod((factor**power for factor, power in zip(of, powers, strict=True)), start=1.0)


def ranked(
    placement: Offered, candidates: Iterable[Candidate], signals: Signals, after: Candidate | None = None
) -> list[Ranked]:
    """Candidates in the order of a placement, spread; `after` is what they follow. Of equal ones the newer comes first.

    All that show an original again stand behind those that show it best: they are there in case that one goes before it is reached.
    """
    liking, weights = taste(signals), WEIGHTS[placement]
    found = [_scored(each, signals, liking, weights) for each in candidates]
    found.sort(key=lambda item: (-item.score, -item.candidate.published_at.timestamp(), -item.candidate.number))
    best = {item.candidate.root_id: item for item in reversed(found)}
    firsts = [item for item in found if best[item.candidate.root_id] is item]
    return [*spread(firsts, after), *(item for item in found if best[item.candidate.root_id] is not item)]


def explained(placement: Offered, candidates: Iterable[Candidate], signals: Signals) -> list[Ranked]:
    """Candidates with their factors, in the order in which they are given."""
    liking, weights = taste(signals), WEIGHTS[placement]
    return [_scored(each, signals, liking, weights) for each in candidates]


def spread(found: Sequence[Ranked], after: Candidate | None = None) -> list[Ranked]:
    """The same items, so that no two in a row are alike where another one is left: the best that differs comes next."""
    left, spread_out, last = list(found), list[Ranked](), after
    while left:
        place = next((place for place, each in enumerate(left) if last is None or not alike(each.candidate, last)), 0)
        spread_out.append(left.pop(place))
        last = spread_out[-1].candidate
    return spread_out


def alike(one: Candidate, other: Candidate) -> bool:
    """Whether two items are of one author, program or original."""
    same_program = one.program_id is not None and one.program_id == other.program_id
    return one.author_id == other.author_id or same_program or one.root_id == other.root_id


def newest(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Candidates by their age alone: what is left when nothing else is known."""
    return sorted(candidates, key=lambda each: (each.published_at, each.number), reverse=True)


def _scored(candidate: Candidate, signals: Signals, liking: Taste, weights: Weights) -> Ranked:
    found = factors(candidate, signals, liking, weights.half_life)
    return Ranked(candidate, found, score(found, weights))


def _graph(author_id: str, signals: Signals) -> float:
    if author_id in signals.follows:
        return 1.0 if author_id in signals.followed_by else 0.8
    return 0.6 if author_id == signals.reader_id else 0.4


def _share(amount: float, half: float) -> float:
    """0 for nothing, a half for `half`, towards 1 for more."""
    return amount / (amount + half)


def _above_floor(share: float) -> float:
    return _FLOOR + (1 - _FLOOR) * share


def _decay(age: timedelta, half_life: timedelta) -> float:
    return math.exp2(-(max(age, timedelta(0)) / half_life))
