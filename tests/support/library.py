"""Services in memory, found by the rules of the search alone: what the statements do, in a few lines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from lutong_registry.search.domain.marks import LEVELS, TOTAL, Document, marks_of, name_of
from lutong_registry.search.domain.questions import understand
from lutong_registry.search.domain.ranking import Answer, Candidate, Plan, Shown, answers, best, plan


@dataclass(slots=True)
class Library:
    """Listings with their marks, and how many have each mark."""

    listings: dict[str, tuple[Shown, Candidate]] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)

    def add(self, program_id: str, document: Document, uses: int = 0) -> None:
        """Release a service."""
        marks = marks_of(document)
        shown = Shown(program_id, "gov", 1, document.title, "pages/a", tuple(document.keywords), document.description)
        self.listings[program_id] = shown, Candidate(program_id, name_of(document.title), marks, uses)
        self.counts.update([*marks, TOTAL])

    def plan(self, asked: str) -> Plan:
        """What is looked up for a question."""
        question = understand(asked)
        bases = set(question.bases)
        known = {mark: n for mark, n in self.counts.items() if mark - mark % LEVELS in bases or mark == TOTAL}
        return plan(question, known)

    def search(self, asked: str, limit: int = 10) -> list[Answer]:
        """Services that answer a question, best first."""
        planned = self.plan(asked)
        picked = set(planned.picked)
        candidates = [
            candidate
            for _, candidate in self.listings.values()
            if picked & set(candidate.marks) or candidate.name == planned.question.name
        ]
        scored = best(planned, candidates)
        return answers(planned, scored, {name: shown for name, (shown, _) in self.listings.items()}, limit)

    def found(self, asked: str) -> list[str]:
        """Their ids."""
        return [answer.listing.program_id for answer in self.search(asked)]


def a_library(*services: tuple[str, str, Sequence[str]]) -> Library:
    """Services, given as (id, title, keywords)."""
    library = Library()
    for program_id, title, keywords in services:
        library.add(program_id, Document(title, keywords))
    return library
