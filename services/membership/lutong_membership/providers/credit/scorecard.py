"""Points for what is known of a member: readable tables, added up. Pure.

The tables are a file of this package, `scorecard-2.toml`, written by `make scorecard` from
applicant data (tools/scorecard). There is one for members who paid on time and one for those who
did not. A member starts with the points of their table; each characteristic adds or takes away
the points of its bin; the sum is kept between the floor and the cap. What is not known moves nothing.
"""

import math
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple, TypeAlias

from lutong_membership.providers.credit.reasons import REASONS
from lutong_membership.providers.credit.values import Application

CURRENT: Final = "scorecard-2"
Facts: TypeAlias = Mapping[str, int | None]
"""What is judged, by the name of its characteristic. None, or absent, is not known."""


class ScorecardError(ValueError):
    """A scorecard file does not make sense; the message names the place."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The values of a characteristic that are worth the same. `below` is exclusive; None is without end.

    `woe` is the weight of evidence: how much the odds of repaying differ here, as a logarithm.
    """

    below: int | None
    label: str
    woe: float
    points: int


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One thing that is judged, in bins that lie side by side from the lowest value up."""

    name: str
    reason: str
    coefficient: float
    bins: tuple[Bin, ...]

    def bin_of(self, value: int) -> Bin:
        """Where a value lies."""
        return next(each for each in self.bins if each.below is None or value < each.below)

    @property
    def best_points(self) -> int:
        """What the best bin gives."""
        return max(each.points for each in self.bins)


@dataclass(frozen=True, slots=True)
class Scale:
    """How log-odds become points. `base_odds` is how many repay for one who does not, at `base_points`."""

    floor: int
    cap: int
    base_points: int
    base_odds: float
    points_to_double_the_odds: int

    @property
    def points_per_log_odds(self) -> float:
        """Points for each unit of log-odds."""
        return self.points_to_double_the_odds / math.log(2)

    def default_probability(self, points: float) -> float:
        """The share of members with these points who do not repay, by the scale."""
        odds = self.base_odds * math.exp((points - self.base_points) / self.points_per_log_odds)
        return 1 / (1 + odds)


class Earned(NamedTuple):
    """The points that a characteristic gives a member."""

    characteristic: Characteristic
    points: int


class Limit(NamedTuple):
    """The credit limit from so many points on, in minor units."""

    points: int
    limit_minor: int


@dataclass(frozen=True, slots=True)
class Table:
    """What is added up for members of one kind."""

    start_points: int
    characteristics: tuple[Characteristic, ...]

    def earned(self, known: Facts) -> list[Earned]:
        """What each characteristic gives, where its fact is known."""
        return [
            Earned(each, each.bin_of(value).points)
            for each in self.characteristics
            if (value := known.get(each.name)) is not None
        ]

    def points(self, known: Facts) -> int:
        """Add up."""
        return self.start_points + sum(points for _, points in self.earned(known))


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A scorecard as its file defines it. `limits` begin with the highest."""

    name: str
    scale: Scale
    on_time: Table
    late: Table
    limits: tuple[Limit, ...]
    valid_days: int
    reasons_most: int
    reason_points_least: int

    def points(self, known: Facts) -> int:
        """The points of the table that applies, between the floor and the cap."""
        return max(self.scale.floor, min(self.scale.cap, self._table(known).points(known)))

    def limit_minor(self, points: int) -> int:
        """The credit limit for so many points; 0 when they do not admit."""
        return next((limit.limit_minor for limit in self.limits if points >= limit.points), 0)

    def reasons(self, known: Facts) -> tuple[str, ...]:
        """What cost the most, the weightiest first: against the best bins, and for being late at all.

        What is not known is no reason.
        """
        table = self._table(known)
        costs = Counter({"paid_late": self.on_time.start_points - table.start_points})
        for each, points in table.earned(known):
            costs[each.reason] += each.best_points - points
        costly = sorted((-cost, reason) for reason, cost in costs.items() if cost >= self.reason_points_least)
        return tuple(reason for _, reason in costly[: self.reasons_most])

    def _table(self, known: Facts) -> Table:
        """Who was late is never better off than if they had not been, whatever else is known of them."""
        if not known["late_months"]:
            return self.on_time
        return min(self.late, self.on_time, key=lambda table: table.points(known))


def facts(application: Application) -> Facts:
    """What is judged of an application.

    Facts that contradict each other are read in the way that costs more: months late mean some
    delay, a delay means a month late.
    """
    worst = max(application.worst_delay_months, application.latest_delay_months or 0, int(application.late_months > 0))
    return {
        "late_months": max(application.late_months, int(worst > 0)),
        "worst_delay_months": worst,
        "utilisation_percent": application.utilisation_percent,
        "declared_limit_minor": application.declared_limit_minor,
        "latest_delay_months": application.latest_delay_months,
        "repaid_monthly_minor": application.repaid_monthly_minor,
        "unpaid_bills": application.unpaid_bills,
    }


@cache
def load(name: str = CURRENT) -> Scorecard:
    """A scorecard of this package, read once."""
    return parse((files("lutong_membership.providers.credit") / f"{name}.toml").read_text(encoding="utf-8"))


def parse(text: str) -> Scorecard:
    """A scorecard from its file's text; Raises `ScorecardError` for what does not make sense."""
    document = tomllib.loads(text)
    try:
        card = Scorecard(
            name=document["name"],
            scale=Scale(**document["scale"]),
            on_time=_table(document["on_time"]),
            late=_table(document["late"]),
            limits=tuple(Limit(**each) for each in document["limits"]),
            valid_days=document["valid_days"],
            reasons_most=document["reasons"]["most"],
            reason_points_least=document["reasons"]["points_least"],
        )
    except (KeyError, TypeError) as error:
        raise ScorecardError(f"the scorecard lacks, or has too much: {error}") from None
    for complaint in _complaints(card):
        raise ScorecardError(f"{card.name}: {complaint}")
    return card


def _table(document: Mapping[str, Any]) -> Table:
    return Table(document["start_points"], tuple(_characteristic(each) for each in document["characteristics"]))


def _characteristic(table: Mapping[str, Any]) -> Characteristic:
    bins = tuple(Bin(each.get("below"), each["label"], each["woe"], each["points"]) for each in table["bins"])
    return Characteristic(table["name"], table["reason"], table["coefficient"], bins)


def _complaints(card: Scorecard) -> Iterator[str]:
    """Mistakes in the file that would otherwise show in a member's assessment first."""
    for each in (*card.on_time.characteristics, *card.late.characteristics):
        yield from (f"{each.name}: {complaint}" for complaint in _doubts(each))
    limits = [limit for _, limit in card.limits]
    if list(card.limits) != sorted(card.limits, reverse=True) or limits != sorted(limits, reverse=True):
        yield "limits must go from the most points to the fewest, and never rise on the way"
    if not card.limits or not card.scale.floor < card.limits[-1][0] <= card.scale.cap:
        yield "the fewest points that admit must lie above the floor and not above the cap"


def _doubts(each: Characteristic) -> Iterator[str]:
    edges = [bin_.below for bin_ in each.bins]
    inner = [edge for edge in edges[:-1] if edge is not None]
    points = [bin_.points for bin_ in each.bins]
    if each.name not in facts(Application("", 0, 0, 0, 0, 0, application_id="")):
        yield "there is no such fact"
    if not edges or edges[-1] is not None or len(inner) != len(edges) - 1 or inner != sorted(set(inner)):
        yield "the bins' edges must rise, and only the last bin has none"
    if points not in (sorted(points), sorted(points, reverse=True)):
        yield "more must always be better, or always be worse"
    if each.reason not in REASONS:
        yield f"the reason {each.reason!r} has no sentence for the member"
