"""The baseline: BM25 over characters and pairs of characters, as textbooks have it, on the same services."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log
from typing import Final, NamedTuple

from lutong_console.cli.search.labelled import ServiceRow

K1: Final = 1.2
B: Final = 0.75
_RUN: Final = re.compile(r"[a-z0-9]+|[^\W_a-z0-9]+")


class Posting(NamedTuple):
    """A term in a service: its place among the services, and what the term is worth there before its rarity."""

    place: int
    worth: float


class BM25:
    """An index of services. It knows neither fields nor other scripts: that is what it is compared for.

    >>> BM25([ServiceRow(program_id="a", title="公积金提取")]).best("公积金", 10)
    ['a']
    """

    def __init__(self, services: Sequence[ServiceRow]) -> None:
        self.ids = [service.program_id for service in services]
        counted = [Counter(_terms(_text(service))) for service in services]
        lengths = [terms.total() for terms in counted]
        mean = sum(lengths) / max(1, len(lengths)) or 1.0
        self.found_in: defaultdict[str, list[Posting]] = defaultdict(list)
        for place, (terms, length) in enumerate(zip(counted, lengths, strict=True)):
            norm = K1 * (1 - B + B * length / mean)
            for term, times in terms.items():
                self.found_in[term].append(Posting(place, times * (K1 + 1) / (times + norm)))

    def best(self, question: str, limit: int) -> list[str]:
        """Ids of the services that answer a question, best first; equals in the order of the file."""
        scores: defaultdict[int, float] = defaultdict(float)
        for term in _terms(question.lower()):
            found = self.found_in.get(term, ())
            rarity = log(1 + (len(self.ids) - len(found) + 0.5) / (len(found) + 0.5))
            for place, worth in found:
                scores[place] += rarity * worth
        ranked = sorted(scores, key=lambda place: (-scores[place], place))
        return [self.ids[place] for place in ranked[:limit]]


def _text(service: ServiceRow) -> str:
    return " ".join([service.title, *service.keywords, service.category or "", service.description]).lower()


def _terms(text: str) -> Iterator[str]:
    for run in _RUN.findall(text):
        if run.isascii():
            yield run
        else:
            yield from run
            yield from (first + second for first, second in pairwise(run))
