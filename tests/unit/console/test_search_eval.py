"""`lutong search eval` without a registry: labelled files, the baseline, and the measures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_console.cli.search.bm25 import BM25
from lutong_console.cli.search.labelled import ServiceRow, sets_in
from lutong_console.cli.search.measures import Answered, Labelled, finding, leading, mean, rank_of, share

FUND: dict[str, Any] = {"program_id": "fund", "title": "公积金提取"}
LOAN: dict[str, Any] = {"program_id": "loan", "title": "公积金贷款"}
ASKED: dict[str, Any] = {"question": "公积金", "relevant": ["fund"]}


def a_set(folder: Path, services: Sequence[Any] = (FUND, LOAN), **files: Sequence[Any]) -> Path:
    """Labelled files in a folder; a row that is text is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {"services": services, **files}.items():
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{name}.ndjson").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(ConsoleError) as caught:
        sets_in(folder)
    assert caught.value.code == USAGE
    return str(caught.value)


def test_a_folder_is_a_set_or_has_sets(tmp_path: Path) -> None:
    one = a_set(tmp_path / "one", questions=[ASKED])
    a_set(tmp_path / "two", posts=[{"text": "公积金新政策", "sensible": ["fund"]}])
    assert [each.name for each in sets_in(one)] == ["one"]
    both = sets_in(tmp_path)
    assert [(each.name, len(each.questions), len(each.posts)) for each in both] == [("one", 1, 0), ("two", 0, 1)]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"questions": ["{"]}, "questions.ndjson:1: "),
        ({"questions": [ASKED, ASKED | {"relevant": ["gone"]}]}, "questions.ndjson:2: 'gone' is no program_id"),
        ({"questions": [ASKED | {"relevant": []}]}, "questions.ndjson:1: relevant"),
        ({"questions": [ASKED | {"relevnt": 1}]}, "questions.ndjson:1: relevnt"),
        ({"posts": [{"text": "x", "no_card": 7}]}, "posts.ndjson:1: no_card"),
        ({"services": [FUND, FUND], "questions": [ASKED]}, "services.ndjson:2: program_id 'fund' is repeated"),
        ({"services": [], "questions": [ASKED]}, "has 0 services"),
        ({}, "has neither questions.ndjson nor posts.ndjson"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(files: dict[str, Sequence[Any]], reason: str, tmp_path: Path) -> None:
    assert reason in refusal(a_set(tmp_path / "bad", **files))


def test_a_folder_without_labelled_files_is_refused(tmp_path: Path) -> None:
    assert "has no services.ndjson" in refusal(tmp_path)
    assert "is no folder" in refusal(tmp_path / "gone")


def test_the_baseline_knows_rarity_and_length_and_no_other_script() -> None:
    rows = [FUND, LOAN, {"program_id": "long", "title": "公积金提取" + "以及其他各种事项的说明" * 5}]
    index = BM25([ServiceRow.model_validate(row) for row in rows])
    assert index.best("提取公积金", 10) == ["fund", "long", "loan"]
    assert index.best("gongjijin", 10) == []
    assert index.best("貸", 10) == []


def test_ranks_beyond_ten_count_for_nothing() -> None:
    answers = [f"s-{n}" for n in range(12)]
    right = [{"s-0"}, {"s-1", "s-5"}, {"s-10"}]
    found = finding([*(Answered(answers, each) for each in right), Answered([], {"s-0"})])
    assert found.hit_1 is not None
    assert found.hit_10 is not None
    assert found.mrr_10 is not None
    assert (found.hit_1.value, found.hit_10.value, found.mrr_10.value) == (0.25, 0.5, 0.375)
    assert rank_of(["a"], {"b"}) is None


def test_intervals_hold_the_figure_and_shrink_with_more_rows() -> None:
    few, many = share(9, 10), share(900, 1000)
    assert few is not None
    assert many is not None
    assert few.low < many.low < 0.9 < many.high < few.high
    assert (round(few.low, 3), round(few.high, 3)) == (0.596, 0.982)  # Wilson's, as published tables have them
    assert share(0, 0) is None
    some = mean([0.0, 1.0] * 50)
    assert some is not None
    assert some.low < 0.5 < some.high
    assert some == mean([0.0, 1.0] * 50)


def test_a_card_where_none_belongs_hurts_whatever_it_is() -> None:
    posts = [
        Labelled("fund", {"fund"}, no_card=False),
        Labelled("loan", {"fund"}, no_card=False),
        Labelled(None, {"fund"}, no_card=False),
        Labelled("fund", {"fund"}, no_card=True),
        Labelled(None, (), no_card=True),
    ]
    led = leading(posts)
    assert (led.posts, led.cards, led.harmful_cards) == (5, 3, 1)
    assert led.precision is not None
    assert led.recall is not None
    assert (round(led.precision.value, 3), round(led.recall.value, 3)) == (0.333, 0.333)
