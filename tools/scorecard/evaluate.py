"""What the held-out applicants show about a scorecard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lutong_membership.providers.credit.scorecard import Scorecard
from tools.scorecard import measures
from tools.scorecard.candidates import PLANS
from tools.scorecard.data import Person
from tools.scorecard.measures import Estimate, Ranking, Share

_ALWAYS = frozenset(candidate.name for plan in PLANS.values() for candidate in plan.always)


@dataclass(frozen=True, slots=True)
class Band:
    """Held-out applicants whose points lie side by side: how many default, and how many the scale foretells."""

    lowest: int
    highest: int
    people: int
    foretold: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class Group:
    """How one group fares at a cut-off. `opportunity` is the approval rate of those who repaid."""

    kind: str
    name: str
    people: int
    approved: Share
    defaulted: Share
    opportunity: Share


class CutOff(NamedTuple):
    """The fewest points of a limit, the limit in minor units, and how everybody fares there."""

    points: int
    limit_minor: int
    everybody: Group


class Single(NamedTuple):
    """How one feature alone ranks people."""

    name: str
    ranking: Ranking


class Scored(NamedTuple):
    """A person's points, and whether they repaid."""

    points: int
    repaid: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every number of the report."""

    trained: int
    held_out: int
    default_share: float
    auc: Estimate
    auc_trained: float
    auc_always_known: Estimate
    best_single: str
    auc_best_single: Estimate
    gain: Estimate
    ks: float
    psi: float
    bands: tuple[Band, ...]
    cut_offs: tuple[CutOff, ...]
    groups: tuple[Group, ...]


def evaluate(card: Scorecard, people: Sequence[Person]) -> Evaluation:
    """Judge the scorecard's whole points, as the service gives them, on people that the fit has not seen."""
    train = [person for person in people if not person.held_out]
    held = [person for person in people if person.held_out]
    repaid = [person.repaid for person in held]
    points = [card.points(person.facts) for person in held]
    trained = [card.points(person.facts) for person in train]
    basic = [card.points({name: person.facts[name] for name in _ALWAYS}) for person in held]
    ranking = measures.rank(points, repaid)
    best_single, single = max(_single_features(card, train, held), key=lambda single: single.ranking.auc)
    least = card.limits[-1][0]
    return Evaluation(
        trained=len(train),
        held_out=len(held),
        default_share=1 - sum(person.repaid for person in people) / len(people),
        auc=measures.auc(ranking),
        auc_trained=measures.rank(trained, [person.repaid for person in train]).auc,
        auc_always_known=measures.auc(measures.rank(basic, repaid)),
        best_single=best_single,
        auc_best_single=measures.auc(single),
        gain=measures.auc_gain(ranking, single),
        ks=measures.kolmogorov_smirnov(points, repaid),
        psi=measures.stability(trained, points, measures.deciles(trained)),
        bands=tuple(_bands(card, points, repaid)),
        cut_offs=tuple(
            CutOff(
                cut,
                limit,
                _group("everybody", "everybody", cut, [Scored(*each) for each in zip(points, repaid, strict=True)]),
            )
            for cut, limit in card.limits
        ),
        groups=tuple(_groups(held, points, least)),
    )


def _single_features(card: Scorecard, train: Sequence[Person], held: Sequence[Person]) -> Iterable[Single]:
    """Every column that may be judged, and every fact that is: alone, in the direction that the fit's people show."""
    for name in held[0].columns:
        outcomes = [person.repaid for person in train]
        sign = 1 if measures.rank([person.columns[name] for person in train], outcomes).auc > 0.5 else -1
        values = [sign * person.columns[name] for person in held]
        yield Single(name, measures.rank(values, [person.repaid for person in held]))
    judged = {each.name: each for each in (*card.on_time.characteristics, *card.late.characteristics)}
    for each in judged.values():
        sign = 1 if each.bins[-1].points > each.bins[0].points else -1
        values = [sign * float(person.facts[each.name] or 0) for person in held]
        yield Single(each.name, measures.rank(values, [person.repaid for person in held]))


def _bands(card: Scorecard, points: Sequence[int], repaid: Sequence[bool]) -> Iterable[Band]:
    pairs = sorted(zip(points, repaid, strict=True))
    edges = measures.deciles(points)
    for low, below in zip((card.scale.floor, *edges), (*edges, card.scale.cap + 1), strict=True):
        inside = [(score, good) for score, good in pairs if low <= score < below]
        foretold = sum(card.scale.default_probability(score) for score, _ in inside) / len(inside)
        observed = measures.share(sum(not good for _, good in inside), len(inside))
        yield Band(int(inside[0][0]), int(inside[-1][0]), len(inside), foretold, observed)


def _groups(held: Sequence[Person], points: Sequence[int], cut: int) -> Iterable[Group]:
    for kind in held[0].groups:
        for name in sorted({person.groups[kind] for person in held}):
            members = [
                Scored(score, person.repaid)
                for score, person in zip(points, held, strict=True)
                if person.groups[kind] == name
            ]
            yield _group(kind, name, cut, members)


def _group(kind: str, name: str, cut: int, members: Sequence[Scored]) -> Group:
    approved = [repaid for points, repaid in members if points >= cut]
    goods = [points >= cut for points, repaid in members if repaid]
    return Group(
        kind,
        name,
        len(members),
        measures.share(len(approved), len(members)),
        measures.share(len(approved) - sum(approved), len(approved)),
        measures.share(sum(goods), len(goods)),
    )
