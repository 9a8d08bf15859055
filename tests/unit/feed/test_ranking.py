"""Laws of ranking, over random scenes; and mutants of the rules, each of which breaks one of them."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import pytest

from lutong_feed.placements import domain, explaining
from lutong_feed.placements.domain import Act, Candidate, Offered, Ranked, Signals

NOW: Final = datetime(2026, 1, 8, 12, tzinfo=UTC)
PLACEMENTS: Final[tuple[Offered, ...]] = get_args(Offered)
SEEDS: Final = range(60)
TEA: Final = Candidate(1, "ann", "p-1", "tea", NOW - timedelta(hours=1), 3, 1.0)
NOBODY: Final = Signals("bo", NOW)


@dataclass(frozen=True)
class Scene:
    """Candidates, and what is known of their reader."""

    placement: Offered
    candidates: tuple[Candidate, ...]
    signals: Signals
    after: Candidate | None


def a_scene(seed: int) -> Scene:
    rng = random.Random(seed)
    authors, programs = [f"a-{n}" for n in range(rng.randint(1, 5))], [f"g-{n}" for n in range(rng.randint(1, 4))]
    found = tuple(
        Candidate(
            number, rng.choice(authors), f"p-{rng.randrange(12)}", rng.choice([*programs, None]),
            NOW - timedelta(hours=rng.randrange(72)), rng.choice([0, 0, 1, 40]), rng.choice([0.0, 0.5, 1.0]),
        )
        for number in range(1, rng.randint(2, 14))
    )  # fmt: skip
    acts = tuple(
        Act(rng.choice(get_args(domain.ActKind)), rng.choice(authors), rng.choice([*programs, None]), NOW - timedelta(days=rng.random() * 30))
        for _ in range(rng.randrange(6))
    )  # fmt: skip
    signals = Signals(
        "a-0", NOW, acts, frozenset(rng.sample(authors, rng.randint(0, len(authors)))),
        frozenset(rng.sample(authors, rng.randint(0, len(authors)))), {each: rng.randrange(300) for each in programs},
    )  # fmt: skip
    return Scene(rng.choice(PLACEMENTS), found, signals, rng.choice([None, found[0]]))


def rank(scene: Scene) -> list[Candidate]:
    return [each.candidate for each in domain.ranked(scene.placement, scene.candidates, scene.signals, scene.after)]


def score(placement: Offered, candidate: Candidate, signals: Signals) -> float:
    return domain.explained(placement, [candidate], signals)[0].score


def shows_each_once(scene: Scene) -> None:
    assert sorted(rank(scene)) == sorted(scene.candidates)


def does_not_depend_on_how_candidates_came(scene: Scene) -> None:
    shuffled = random.Random(1).sample(scene.candidates, len(scene.candidates))
    assert rank(replace(scene, candidates=tuple(shuffled))) == rank(scene)


def alike(one: Candidate, other: Candidate) -> bool:
    shared = {(name, value) for name, value in one._asdict().items() if value is not None} & set(
        other._asdict().items()
    )
    return any(name in ("author_id", "root_id", "program_id") for name, _ in shared)


def puts_no_two_alike_in_a_row(scene: Scene) -> None:
    order = rank(scene)[: len({each.root_id for each in scene.candidates})]
    for place, each in enumerate(order):
        before = order[place - 1] if place else scene.after
        if before and alike(each, before):
            assert all(alike(other, before) for other in order[place:])


def shows_each_original_before_any_again(scene: Scene) -> None:
    originals = [each.root_id for each in rank(scene)]
    assert len(set(originals[: len(set(originals))])) == len(set(originals))


def puts_the_best_first(scene: Scene) -> None:
    first = rank(replace(scene, after=None))[0]
    scores = [score(scene.placement, each, scene.signals) for each in scene.candidates]
    assert score(scene.placement, first, scene.signals) == max(scores)


def keeps_factors_within_bounds(scene: Scene) -> None:
    for each in domain.explained(scene.placement, scene.candidates, scene.signals):
        assert all(0 < factor <= 1 for factor in each.factors)


def rises_with_each_factor(scene: Scene) -> None:
    weights = domain.WEIGHTS[scene.placement]
    for each in scene.candidates:
        plain = replace(scene.signals, acts=(), follows=frozenset(), followed_by=frozenset())
        before = score(scene.placement, each, plain)
        liked = replace(plain, acts=(Act("solve", each.author_id, each.program_id, NOW),))
        followed = replace(plain, follows=frozenset([each.author_id]))
        mutual = replace(followed, followed_by=frozenset([each.author_id]))
        better = {
            "interest": score(scene.placement, each, liked),
            "graph": score(scene.placement, each, followed),
            "heat": score(scene.placement, each._replace(uses=each.uses + 10), plain),
            "freshness": score(scene.placement, each._replace(published_at=each.published_at + timedelta(hours=3)), plain),
            "ability": score(scene.placement, each._replace(ability=each.ability + 0.1), plain),
        }  # fmt: skip
        for name, after in better.items():
            weight = getattr(weights, name)
            fresh_already = name == "freshness" and each.published_at > NOW - timedelta(hours=3)
            assert after > before if weight and not fresh_already else after >= before, name
        assert score(scene.placement, each, mutual) >= better["graph"]


def shows_less_of_what_is_not_wanted(scene: Scene) -> None:
    for each in scene.candidates:
        for author_id, program_id in ((each.author_id, None), ("other", each.program_id)):
            if author_id == "other" and program_id is None:
                continue
            unwanted = Act("show_less", author_id, program_id, NOW)
            less = replace(scene.signals, acts=(*scene.signals.acts, unwanted))
            assert score(scene.placement, each, less) < score(scene.placement, each, scene.signals)


LAWS: Final[tuple[Callable[[Scene], None], ...]] = (
    shows_each_once, shows_each_original_before_any_again, does_not_depend_on_how_candidates_came, puts_no_two_alike_in_a_row, puts_the_best_first,
    keeps_factors_within_bounds, rises_with_each_factor, shows_less_of_what_is_not_wanted,
)  # fmt: skip

MUTANTS: Final[dict[str, tuple[str, Any]]] = {
    "nothing is spread": ("spread", lambda found, _: list(found)),
    "what is alike is left out": ("spread", lambda found, _: list({each.candidate.author_id: each for each in found}.values())),
    "programs may be alike": ("alike", lambda one, other: one.author_id == other.author_id),
    "less weighs nothing": ("_LESS", 0.0),
    "less is a act like others": ("_POINTS", dict.fromkeys(get_args(domain.ActKind), 1.0)),
    "less is better": ("_LESS", -0.2),
    "old is fresh": ("_decay", lambda age, half_life: 1 - 0.5 ** (age / half_life)),
    "followed is nothing": ("_graph", lambda *_: 0.4),
    "heat cools": ("_share", lambda amount, half: half / (amount + half)),
    "no floor": ("_FLOOR", 0.0),
    "what cannot be had is no worse": ("_above_floor", lambda share: 0.1 + 0.9 * share if share not in (0.5, 1.0, 0.6) else 0.55),
    "the worst comes first": ("score", lambda of, _: -of.interest),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_ranking_keeps_its_law(law: Callable[[Scene], None]) -> None:
    for seed in SEEDS:
        law(a_scene(seed))


def broken() -> Iterator[str]:
    for law in LAWS:
        try:
            for seed in SEEDS:
                law(a_scene(seed))
        except AssertionError:
            yield law.__name__


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_breaks_a_law(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = MUTANTS[mutant]
    monkeypatch.setattr(domain, name, value)
    assert list(broken())


def test_less_of_an_author_puts_others_first() -> None:
    other = TEA._replace(
        number=2, author_id="cy", root_id="p-2", program_id="milk", uses=0, published_at=NOW - timedelta(hours=5)
    )
    assert [each.candidate for each in domain.ranked("home", [other, TEA], NOBODY)] == [TEA, other]
    less = replace(NOBODY, acts=(Act("show_less", "ann", None, NOW),))
    assert [each.candidate for each in domain.ranked("home", [TEA, other], less)] == [other, TEA]


def test_an_order_weighs_more_than_a_look() -> None:
    assert [domain.heat_of(1, 0, 0), domain.heat_of(0, 1, 0), domain.heat_of(0, 0, 1)] == [1, 2, 4]


def test_the_newest_come_first_without_signals() -> None:
    same_moment = TEA._replace(number=2)
    older = TEA._replace(number=9, published_at=NOW - timedelta(days=1))
    assert domain.newest([older, TEA, same_moment]) == [same_moment, TEA, older]


def stated(item: Candidate, signals: Signals = NOBODY, placement: Offered = "home") -> explaining.Sentence:
    found: Ranked = domain.explained(placement, [item], signals)[0]
    return explaining.why(placement, found, signals, domain.taste(signals))


OLD: Final = TEA._replace(published_at=NOW - timedelta(days=60), uses=0)
USED: Final = replace(NOBODY, acts=(Act("request", "x", "tea", NOW), Act("tap", "x", "tea", NOW)))


@pytest.mark.parametrize(
    ("item", "signals", "reason", "words"),
    [
        (OLD, NOBODY, "nothing", "what there is"),
        (OLD._replace(ability=0.0), NOBODY, "unable", "cannot be had"),
        (OLD, replace(NOBODY, acts=(Act("show_less", "ann", None, NOW),)), "less", "asked for less"),
        (OLD, USED, "interest", "2 times"),
        (OLD, replace(NOBODY, acts=USED.acts[1:]), "interest", "once"),
        (OLD, replace(NOBODY, acts=(Act("open", "ann", None, NOW),)), "interest", "this author"),
        (OLD, replace(NOBODY, follows=frozenset(["ann"])), "graph", "You follow the author"),
        (OLD, replace(NOBODY, follows=frozenset(["ann"]), followed_by=frozenset(["ann"])), "graph", "each other"),
        (OLD, Signals("ann", NOW), "graph", "You wrote this"),
        (OLD, replace(NOBODY, heat={"tea": 900}), "heat", "900"),
        (OLD._replace(uses=700), NOBODY, "heat", "700"),
        (TEA._replace(uses=0), NOBODY, "freshness", "1 hours old"),
        (TEA._replace(uses=0), replace(NOBODY, follows=frozenset(["ann"])), "freshness", "1 hours old"),
        (TEA, USED, "interest", "2 times"),
        (TEA._replace(uses=0, published_at=NOW), NOBODY, "freshness", "of this hour"),
    ],
)  # fmt: skip
def test_an_item_states_what_raises_it_most(item: Candidate, signals: Signals, reason: str, words: str) -> None:
    sentence = stated(item, signals)
    assert (sentence.reason, words in sentence.en) == (reason, True), sentence
    assert sentence.zh


def test_days_are_stated_where_freshness_is_slow() -> None:
    item = TEA._replace(published_at=NOW - timedelta(days=3), uses=0, ability=0.5)
    assert stated(item, placement="for_you") == explaining.Sentence("freshness", "It is 3 days old.", "3 天前发布。")
