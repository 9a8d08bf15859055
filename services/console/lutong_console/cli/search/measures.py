"""What is measured, with intervals of 95 %: shares by Wilson, means by a bootstrap with a fixed seed."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Final, NamedTuple

Z: Final = 1.959964
RESAMPLES: Final = 1000
DEPTH: Final = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval, and of how many it is."""

    value: float
    low: float
    high: float
    n: int


def share(hits: int, n: int) -> Estimate | None:
    """A share with Wilson's interval; None of nothing.

    >>> share(0, 50)
    Estimate(value=0.0, low=0.0, high=0.0714, n=50)
    """
    if n == 0:
        return None
    value = hits / n
    middle = (value + Z * Z / (2 * n)) / (1 + Z * Z / n)
    reach = Z / (1 + Z * Z / n) * sqrt(value * (1 - value) / n + Z * Z / (4 * n * n))
    return Estimate(value, round(max(0.0, middle - reach), 4), round(min(1.0, middle + reach), 4), n)


def mean(values: Sequence[float]) -> Estimate | None:
    """A mean with the percentiles of resampled means; None of nothing."""
    if not values:
        return None
    rng = random.Random(20240101)  # noqa: S311  # the same file gives the same interval
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return Estimate(fmean(values), means[round(RESAMPLES * 0.025)], means[round(RESAMPLES * 0.975) - 1], len(values))


def rank_of(answers: Sequence[str], relevant: Collection[str]) -> int | None:
    """Where the first right answer is, from 1; None when it is not among the answers."""
    return next((place for place, answer in enumerate(answers, 1) if answer in relevant), None)


class Answered(NamedTuple):
    """What answered a question, best first, and what would have been right."""

    answers: Sequence[str]
    relevant: Collection[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """How well questions were answered."""

    hit_1: Estimate | None
    hit_10: Estimate | None
    mrr_10: Estimate | None
    empty: Estimate | None


def finding(answered: Sequence[Answered]) -> Finding:
    """Measures of answers."""
    ranks = [rank_of(answers[:DEPTH], relevant) for answers, relevant in answered]
    n = len(ranks)
    return Finding(
        share(sum(rank == 1 for rank in ranks), n),
        share(sum(rank is not None for rank in ranks), n),
        mean([1 / rank if rank else 0.0 for rank in ranks]),
        share(sum(not answers for answers, _ in answered), n),
    )


class Labelled(NamedTuple):
    """A post's card, if it got one, and its label."""

    card: str | None
    sensible: Collection[str]
    no_card: bool


@dataclass(frozen=True, slots=True)
class Leading:
    """How well posts were led: cards that are sensible, posts that should have one and have, and cards that hurt."""

    posts: int
    cards: int
    precision: Estimate | None
    recall: Estimate | None
    harmful: Estimate | None
    """Of all posts."""
    harmful_cards: int


def leading(posts: Sequence[Labelled]) -> Leading:
    """Measures of cards. On a post that is to have none, a card is never sensible."""
    given = [post for post in posts if post.card is not None]
    sensible = sum(post.card in post.sensible and not post.no_card for post in given)
    harmful = sum(post.no_card for post in given)
    wanting = sum(bool(post.sensible) and not post.no_card for post in posts)
    return Leading(
        len(posts),
        len(given),
        share(sensible, len(given)),
        share(sensible, wanting),
        share(harmful, len(posts)),
        harmful,
    )
