"""Light stores as rules: a manifest is its template, its row and its edits, and nothing else; versions come in stages."""

import json
import random
import string
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from lutong_console.verify import light_stores as second
from lutong_contracts.registry import VersionReleased
from lutong_registry.light_stores.domain import rendering, rollouts
from lutong_registry.light_stores.domain.rendering import (
    Row,
    canonical,
    conflicts,
    digest_of,
    lacking,
    place_in_line,
    program_of,
    render,
    three_way,
)
from lutong_registry.light_stores.domain.rollouts import Rollout, stage_stores
from lutong_registry.light_stores.manifests import Made, made
from lutong_registry.light_stores.rolling import revert, upgrade
from lutong_registry.light_stores.store.stores import LightStore
from lutong_registry.programs.domain import Change, Program, Refusal, Version, release_reviewed

TEMPLATE: Final[dict[str, Any]] = {
    "title": "屈臣氏 {store_name}", "description": "{hours}", "page": "shop?store={store_id}", "keywords": ["{city}面膜", "屈臣氏"],
    "category": "beauty", "region": None, "offers_of": "watsons",
}  # fmt: skip
ROW: Final = Row("sh-1", "一店", "09:00-22:00", "上海", {})


def test_a_manifest_is_its_template_filled_with_the_row() -> None:
    assert render(TEMPLATE, ROW, {}) == {
        "title": "屈臣氏 一店", "description": "09:00-22:00", "page": "shop?store=sh-1", "keywords": ["上海面膜", "屈臣氏"],
        "category": "beauty", "region": None, "offers": [], "offers_of": "watsons",
    }  # fmt: skip


def test_edits_win_over_the_row_and_the_row_over_the_template() -> None:
    row = replace(ROW, overrides={"title": "机场店", "keywords": ["机场"]})
    manifest = render(TEMPLATE, row, {"title": "我的店"})
    assert (manifest["title"], manifest["keywords"]) == ("我的店", ["机场"])


def test_what_a_store_sells_nobody_sets_for_it_alone() -> None:
    manifest = render(TEMPLATE, replace(ROW, overrides={"offers": [1]}), {"offers_of": "rival"})
    assert (manifest["offers"], manifest["offers_of"]) == ([], "watsons")


def test_a_name_with_a_placeholder_in_it_is_a_name() -> None:
    """What is filled in is not filled again: a store's name writes nothing into its page."""
    assert render(TEMPLATE, replace(ROW, name="{city}"), {})["title"] == "屈臣氏 {city}"


@pytest.mark.parametrize(("column", "row"), [("hours", replace(ROW, hours=None)), ("city", replace(ROW, city=None))])
def test_a_column_that_the_template_needs_must_be_there(column: str, row: Row) -> None:
    wrong = lacking(TEMPLATE, row)
    assert wrong is not None
    assert wrong.column == column
    assert lacking(TEMPLATE, replace(row, overrides={"description": "", "keywords": ["a"]})) is None


def a_text(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + "店铺 {}\\\"\n\U0001f600'", k=rng.randint(1, 12)))


def test_a_second_implementation_makes_the_same_bytes() -> None:
    rng = random.Random(3)  # no secret
    for _ in range(300):
        template = TEMPLATE | {"description": f"{a_text(rng)} {{hours}} {{store_name}}", "keywords": [a_text(rng)]}
        row = Row("sh-1", a_text(rng), rng.choice([None, "09:00-22:00"]), a_text(rng), {"title": a_text(rng)})
        edits: dict[str, Any] = rng.choice([{}, {"title": a_text(rng)}, {"keywords": [a_text(rng)]}])
        first = render(template, row, edits)
        stored = {
            "store_id": row.store_id, "name": row.name, "hours": row.hours, "city": row.city,
            "overrides": json.dumps(row.overrides), "edits": json.dumps(edits),
        }  # fmt: skip
        assert second._bytes(second._rendered(stored, template)) == canonical(first)
        assert digest_of(json.loads(canonical(first))) == digest_of(first)


def test_an_edit_is_kept_and_what_both_changed_is_a_conflict() -> None:
    newer = TEMPLATE | {"title": "新 {store_name}", "keywords": ["新"]}
    edits = {"title": "我的店", "description": "地铁口"}
    found = {each.field: each for each in three_way(TEMPLATE, newer, ROW, edits)}
    assert (found["title"].taken, found["title"].conflict) == ("我的店", True)
    assert (found["description"].taken, found["description"].conflict) == ("地铁口", False)
    assert (found["keywords"].taken, found["keywords"].conflict) == (["新"], False)
    assert conflicts(TEMPLATE, newer, ROW, edits) == ("title",)


def test_an_edit_that_the_new_version_agrees_with_is_no_conflict() -> None:
    assert conflicts(TEMPLATE, TEMPLATE | {"title": "我的店"}, ROW, {"title": "我的店"}) == ()
    assert conflicts(TEMPLATE, TEMPLATE | {"title": "新"}, ROW, {}) == ()


def test_what_was_changed_by_hand_makes_edits_that_keep_it() -> None:
    manifest = render(TEMPLATE, ROW, {})
    program = manifest | {"title": "手工", "category": None, "offers": [1]}
    assert rendering.changed_by_hand(manifest, program) == {"title": "手工"}
    assert render(TEMPLATE, ROW, {"title": "手工"})["title"] == "手工"
    assert rendering.changed_by_hand(manifest, {}) == {}


def test_a_program_has_one_id_and_two_stores_have_two() -> None:
    assert program_of("a.b", "c") != program_of("a", "b.c")
    assert len(program_of("t" * 64, "s" * 64)) <= 64
    assert program_of("t", "sh-1").startswith("sh-1.")


def test_the_line_does_not_follow_the_names_of_stores() -> None:
    line = sorted(range(1000), key=lambda number: place_in_line("t", f"sh-{number:05}"))
    assert abs(sum(line[:100]) / 100 - 500) < 100


@pytest.mark.parametrize(("stores", "first"), [(10_000, 100), (101, 2), (1, 1), (0, 0)])
def test_a_canary_has_at_least_one_store(stores: int, first: int) -> None:
    assert [stage_stores(stores, percent) for percent in (1, 100)] == [first, stores]


def a_rollout(**changes: Any) -> Rollout:
    known: dict[str, Any] = {
        "rollout_id": "r", "template_id": "t", "version": 2, "state": "running", "stage": 0, "bound": 0, "wait_s": 0,
        "errors_max": 0, "next_at": datetime(2026, 1, 1, tzinfo=UTC), "upgraded": 0, "conflicts": 0, "skipped": 0,
        "errors": 0, "reverted": 0, "reason": None, "detail": None,
    }  # fmt: skip
    return Rollout(**(known | changes))


def test_a_rollout_bears_as_many_errors_as_are_allowed() -> None:
    assert rollouts.exceeds(a_rollout(), 1)
    assert not rollouts.exceeds(a_rollout(errors_max=2, errors=1), 1)
    assert rollouts.exceeds(a_rollout(errors_max=2, errors=2), 1)


def test_the_stages_and_what_is_published_of_them() -> None:
    assert [a_rollout(stage=stage).percent for stage in range(3)] == [1, 10, 100]
    assert [a_rollout(stage=stage).is_last for stage in range(3)] == [False, False, True]
    kinds = [
        rollouts.stopped(a_rollout(), "render_failed", "x" * 300), rollouts.advanced(a_rollout(stage=1)),
        rollouts.ended(a_rollout(), "completed"),
    ]  # fmt: skip
    assert [event.type.split(".")[2].removeprefix("light-rollout-") for event in kinds] == [
        "stopped",
        "advanced",
        "ended",
    ]
    assert {event.key for event in kinds} == {"t"}


def a_store(name: str = "一店", edits: str = "{}", **changes: Any) -> LightStore:
    found = made(TEMPLATE, replace(ROW, name=name), json.loads(edits))
    assert isinstance(found, Made)
    known = LightStore(
        "t", "sh-1", "m", "p", 1, name, "09:00-22:00", "上海", "{}", edits, 1, None, 1, found.digest, "", attached=True,
        rollout_id=None, problem=None,
    )  # fmt: skip
    return known._replace(**changes)


def a_program(*states: str) -> dict[str, Program]:
    versions = tuple(Version(number, state, "t", "p", ()) for number, state in enumerate(states, 1))  # type: ignore[arg-type]  # words of the test
    return {"p": Program("p", "m", None, versions)}


def test_a_reviewed_version_is_in_force_at_once_and_the_former_superseded() -> None:
    wanted = Version(2, "submitted", "t", "p", (), offers_of="brand")
    change = release_reviewed(a_program("released")["p"], wanted)
    assert isinstance(change, Change)
    assert [(version.number, version.state) for version in change.versions] == [(1, "superseded"), (2, "released")]
    (event,) = change.events
    assert isinstance(event, VersionReleased)
    assert (event.version, event.offers_of) == (2, "brand")
    refused = release_reviewed(a_program("submitted")["p"], wanted)
    assert isinstance(refused, Refusal)
    assert refused.kind == "in_review"


NEWER: Final = {1: TEMPLATE, 2: TEMPLATE | {"title": "新 {store_name}{store_name}"}}


def test_an_upgrade_and_its_way_back_end_where_they_began() -> None:
    store = a_store(edits='{"description": "地铁口"}')
    (change,) = upgrade([store], a_program("released"), a_rollout(), NEWER).changes
    assert (change.store.version, change.store.former_version, change.store.rollout_id) == (2, 1, "r")
    after = change.store._replace(program_version=2)
    (back,) = revert([after], a_program("superseded", "released"), NEWER).changes
    assert (back.store.digest, back.store.version, back.store.former_version) == (store.digest, 1, None)


@pytest.mark.parametrize(
    ("states", "reason"),
    [(("superseded", "released"), "changed_by_hand"), (("released", "submitted"), "in_review"), (("rolled_back",), "not_released")],
)  # fmt: skip
def test_a_program_that_is_not_as_it_was_made_is_left_alone(states: tuple[str, ...], reason: str) -> None:
    tried = upgrade([a_store()], a_program(*states), a_rollout(), NEWER)
    assert (tried.changes, [store.problem for store in tried.left]) == ([], [reason])
    reverted = revert([a_store(version=2, former_version=1)], a_program(*states), NEWER)
    assert [store.former_version for store in reverted.left] == [None]


def test_a_version_that_does_not_fit_a_store_is_a_failure() -> None:
    tried = upgrade([a_store("店" * 40)], a_program("released"), a_rollout(), NEWER)
    assert [failure.store_id for failure in tried.failures] == ["sh-1"]
    assert "80" in tried.failures[0].reason


def test_a_version_that_changes_nothing_releases_nothing() -> None:
    tried = upgrade([a_store()], a_program("released"), a_rollout(), {1: TEMPLATE, 2: TEMPLATE})
    assert [change.manifest for change in tried.changes] == [None]


def test_braces_belong_to_placeholders() -> None:
    assert rendering.placeholders(["{a}", "b", 3]) == ["a"]
    assert rendering.placeholders(None) == []
    assert [rendering.stray_brace(text) for text in ("{a} b", "{a} {", "a}")] == [False, True, True]
