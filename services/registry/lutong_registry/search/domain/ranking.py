"""How well services answer a question: BM25 over fields, on what an index holds.

Rank is the sum, over the question's terms, of weight x rarity x impact. What is compared is chosen by what it could
score, best marks first, until about `WORK_MAX` listings: a listing that has only the weakest marks of a question is
not compared. An exact name is looked up apart, and never lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import fsum, log, log1p
from typing import Final, Literal, NamedTuple

from lutong_registry.search.domain.marks import LEVELS, TOTAL, base_of, impact_of
from lutong_registry.search.domain.questions import Question
from lutong_registry.search.domain.text import is_han, is_unspaced, key_of, plain

WORK_MAX: Final = 4_000
"""Entries of the index that are read for one question, roughly: what bounds the work."""

FLOOR: Final = 0.03
"""Share of what a question asks for, by weight and rarity, below which a listing is no answer."""

SHOWN_MAX: Final = 60
"""Of the best, that are looked at as text: more than anybody is shown."""

USE_WEIGHT: Final = 0.02
"""What being used counts for: it decides between equals."""

DISORDERED_MIN: Final = 3
"""Different characters of a question that are looked for in any order, within a title, when it shares no word with it."""

Matched = Literal["phrase", "all", "any"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compare with a question, and how. An answer has at least one of its `words`, not just characters."""

    question: Question
    weights: Mapping[int, float]
    picked: tuple[int, ...]
    asked: float
    words: frozenset[int]

    @property
    def floor(self) -> float:
        """The least score of an answer."""
        return FLOOR * self.asked


class Candidate(NamedTuple):
    """A listing that may answer, as its marks."""

    program_id: str
    name: int
    marks: Sequence[int]
    uses: int


class Scored(NamedTuple):
    """A listing with its score and the marks that it shares with the question."""

    program_id: str
    score: float
    exact: bool
    shared: frozenset[int]
    has_word: bool = True


class Shown(NamedTuple):
    """A listing as text."""

    program_id: str
    merchant_id: str
    version: int
    title: str
    page: str
    keywords: Sequence[str]
    description: str


class Answer(NamedTuple):
    """A service that answers: how it matched, and the pieces of the question that it was found by."""

    listing: Shown
    matched: Matched
    rank: float
    why: tuple[str, ...]


def plan(question: Question, counts: Mapping[int, int]) -> Plan:
    """Which marks to look up. `counts` is how many listings have each mark of the question's terms."""
    levels: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for mark, listings in counts.items():
        if listings > 0:
            levels[mark - mark % LEVELS][mark] = listings
    terms = _known(question, levels)
    total = max(1, counts.get(TOTAL, 1))
    weights: dict[int, float] = {}
    asked = 0.0
    for term, weight in terms.items():
        marks = levels.get(base_of(term), {})
        rarity = _rarity(sum(marks.values()), total)
        asked += weight * rarity
        weights |= {mark: weight * rarity * impact_of(mark) for mark in marks}
    words = {base_of(term) for term in terms if len(term) > 1}
    return Plan(question, weights, _picked(weights, counts, total), asked, frozenset(words or map(base_of, terms)))


def _known(question: Question, levels: Mapping[int, object]) -> dict[str, float]:
    """The question's terms, with the other spellings of the words that no service has."""
    terms = dict(question.terms)
    for word, spelt in question.otherwise.items():
        if base_of(word) not in levels:
            found = {term: weight for term, weight in spelt.items() if base_of(term) in levels}
            if found:
                terms.pop(word, None)
            terms |= found
    return terms


def _rarity(listings: int, total: int) -> float:
    """The idf of BM25. Counts run behind a little: it stays above nothing."""
    return log(1 + max(0.5, total - listings + 0.5) / (listings + 0.5))


def _picked(weights: Mapping[int, float], counts: Mapping[int, int], total: int) -> tuple[int, ...]:
    """The marks that can score most, until the work is enough."""
    if total <= WORK_MAX:
        return tuple(sorted(weights))
    picked: list[int] = []
    work = 0
    for mark in sorted(weights, key=lambda mark: (-weights[mark], mark)):
        if work < WORK_MAX and (not picked or work + counts[mark] <= 2 * WORK_MAX):
            picked.append(mark)
            work += counts[mark]
    return tuple(sorted(picked))


def best(plan: Plan, candidates: Iterable[Candidate]) -> list[Scored]:
    """The candidates that answer, best first. The exact name is always first, and nothing else is below the floor."""
    weights = plan.weights
    letters = {base_of(term) for term in plan.question.terms if len(term) == 1}
    asked = frozenset(weights)
    scored = []
    for candidate in candidates:
        shared = asked.intersection(candidate.marks)
        score = fsum(weights[mark] for mark in shared) * (1 + USE_WEIGHT * log1p(candidate.uses))
        exact = candidate.name == plan.question.name
        has_word = any(mark - mark % LEVELS in plan.words for mark in shared)
        if exact or (score >= plan.floor and (has_word or _has_all(letters, shared))):
            scored.append(Scored(candidate.program_id, score, exact, shared, has_word))
    return sorted(scored, key=lambda each: (not each.exact, -each.score, each.program_id))[:SHOWN_MAX]


def _has_all(letters: AbstractSet[int], shared: Iterable[int]) -> bool:
    """Whether every character of a question is there, although none of its words is: 职指业导 is 职业指导 in disorder."""
    return len(letters) >= DISORDERED_MIN and letters <= {mark - mark % LEVELS for mark in shared}


def answers(plan: Plan, scored: Sequence[Scored], shown: Mapping[str, Shown], limit: int) -> list[Answer]:
    """What is shown: the exact name, then who has the question as a phrase in a name, then by score."""
    found = []
    for each in scored:
        listing = shown.get(each.program_id)
        if listing is not None and (each.exact or each.has_word or _is_disordered(plan.question, listing)):
            found.append((each, _named(plan.question, listing), listing))
    found.sort(key=lambda item: (not item[0].exact, not item[1], -item[0].score, item[0].program_id))
    return [
        Answer(listing, _matched(plan, listing, each), each.score, _why(plan.question, each.shared))
        for each, _, listing in found[:limit]
    ]


def _is_disordered(question: Question, listing: Shown) -> bool:
    return set(question.key) <= set(key_of(plain(listing.title)))


def _named(question: Question, listing: Shown) -> bool:
    """Whether the question stands in the listing's title, or is one of its keywords."""
    if len(question.key) < 2:
        return False
    return question.key in key_of(plain(listing.title)) or any(
        question.key == key_of(plain(keyword)) for keyword in listing.keywords
    )


def _matched(plan: Plan, listing: Shown, scored: Scored) -> Matched:
    key = plan.question.key
    fields = (listing.title, *listing.keywords, listing.description)
    if scored.exact or (key and any(key in key_of(plain(field)) for field in fields)):
        return "phrase"
    shared = {mark - mark % LEVELS for mark in scored.shared}
    return "all" if all(base_of(term) in shared for term in plan.question.terms if len(term) > 1) else "any"


def _why(question: Question, shared: frozenset[int]) -> tuple[str, ...]:
    """The pieces of the question that a listing has, as long as they are."""
    bases = {mark - mark % LEVELS for mark in shared}
    text, pieces, place = question.text, [], 0
    while place < len(text):
        end = place
        while end + 1 < len(text) and is_unspaced(text[end]) and base_of(text[end : end + 2]) in bases:
            end += 1
        if end > place:
            pieces.append(text[place : end + 1])
        elif is_han(text[place]) and base_of(text[place]) in bases:
            pieces.append(text[place])
        place = end + 1
    latin = (word for word in text.split() if not is_unspaced(word) and base_of(word) in bases)
    others = (word for word, spelt in question.otherwise.items() if any(base_of(term) in bases for term in spelt))
    return tuple(dict.fromkeys([*pieces, *latin, *others]))
