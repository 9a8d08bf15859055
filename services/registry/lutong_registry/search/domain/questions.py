"""What a question asks for: terms with weights."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lutong_registry.search.domain import spelling
from lutong_registry.search.domain.lexicon import other_words, without_filler
from lutong_registry.search.domain.marks import base_of, name_of
from lutong_registry.search.domain.text import characters, is_unspaced, key_of, plain, runs, words

CHARACTER_WEIGHT: Final = 0.35
SYNONYM_WEIGHT: Final = 0.8
SYNONYM_SHARE_MIN: Final = 0.3
"""Share of the question that a word must be to be asked for by its synonyms, too: in a long one the others are enough."""
SOUND_WEIGHT: Final = 0.8
TYPO_WEIGHT: Final = 0.5
"""What other ways to write a word count for, beside the word itself."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, understood. `terms` are its words, with weights; `otherwise` are what each of its Latin words may
    be, should no service have that word: pinyin, initials, or a word with a letter wrong."""

    text: str
    key: str
    name: int
    terms: Mapping[str, float]
    otherwise: Mapping[str, Mapping[str, float]]

    @property
    def bases(self) -> list[int]:
        """Of all terms that may be asked for, each once."""
        others = [term for spelt in self.otherwise.values() for term in spelt]
        return sorted({base_of(term) for term in [*self.terms, *others]})


def understand(asked: str) -> Question:
    """A person's question as terms. Words of courtesy are dropped, synonyms are added."""
    whole = plain(asked)
    text = without_filler(whole)
    weights: defaultdict[str, float] = defaultdict(float)
    for word, times in Counter(words(text)).items():
        weights[word] += times
    for character, times in Counter(characters(text)).items():
        weights[character] += CHARACTER_WEIGHT * times
    length = max(1, len(key_of(text)))
    for known, others in other_words(whole).items():
        for other in others if len(known) >= SYNONYM_SHARE_MIN * length else ():
            for word in words(other):
                weights[word] = max(weights[word], SYNONYM_WEIGHT)
    return Question(text, key_of(text), name_of(asked), dict(weights), _otherwise(text))


def _otherwise(text: str) -> dict[str, dict[str, float]]:
    latin = [run for run in runs(text) if not is_unspaced(run) and run.isalpha()]
    spelt = {word: _spelt(word) for word in latin}
    joined = "".join(latin)
    if len(latin) > 1 and spelling.syllables(joined):  # gong ji jin
        spelt[joined] = dict.fromkeys(spelling.sound_pairs(joined), SOUND_WEIGHT)
    return {word: terms for word, terms in spelt.items() if terms}


def _spelt(word: str) -> dict[str, float]:
    """Terms that a word in letters may stand for, and what each weighs."""
    return (
        dict.fromkeys(spelling.sound_pairs(word), SOUND_WEIGHT)
        | dict.fromkeys(spelling.initial_triples(word), SOUND_WEIGHT)
        | dict.fromkeys(spelling.with_a_letter_less(word), TYPO_WEIGHT)
    )
