"""`lutong search eval` on a registry of its own: what is found, what gets a card, and what is left behind."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lutong_console.cli.search.command import commands
from tests.unit.console.test_search_eval import ASKED, FUND, LOAN, a_set

pytestmark = pytest.mark.timeout(300)

QUESTIONS = [
    ASKED | {"question": "公積金提取", "kind": "traditional"},
    ASKED | {"question": "gongjijintiqu", "kind": "pinyin"},
    ASKED | {"question": "公积金提取", "kind": "exact"},
]
POSTS = [
    {"text": "公积金提取新政策", "sensible": ["fund"]},
    {"text": "公积金贷款被骗五十万", "no_card": True},
    {"text": "今天天气真好"},
]


def test_a_set_is_measured_beside_bm25_and_nothing_is_left(tmp_path: Path) -> None:
    folder = a_set(tmp_path / "tiny", [FUND, LOAN], questions=QUESTIONS, posts=POSTS)
    result = CliRunner().invoke(commands, ["eval", str(folder), "--strict", "--json"])
    assert result.exit_code == 0, result.output
    (measured,) = json.loads(result.stdout)["sets"]
    by_kind = {
        row["kind"]: (row["here"]["hit_10"]["value"], row["bm25"]["hit_10"]["value"]) for row in measured["questions"]
    }
    assert by_kind["traditional"][0] == by_kind["pinyin"][0] == by_kind["exact"][0] == 1
    assert by_kind["pinyin"][1] == 0
    (posts,) = measured["posts"]
    assert (posts["here"]["cards"], posts["here"]["harmful_cards"]) == (1, 0)
    assert not [left for left in tmp_path.iterdir() if left != folder]


def test_a_refused_service_ends_the_command_with_the_reason(tmp_path: Path) -> None:
    folder = a_set(tmp_path / "refused", [FUND | {"keywords": ["没有"]}], questions=[ASKED])
    result = CliRunner().invoke(commands, ["eval", str(folder)])
    assert isinstance(result.exception, Exception)
    assert "keywords" in str(result.exception)
