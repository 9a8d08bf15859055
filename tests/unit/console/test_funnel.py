"""`lutong funnel` as an author sees it: the table, the JSON, and the picture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from lutong_console.cli.funnel.command import funnel
from lutong_console.cli.funnel.picture import STAGES, drawn
from tests.support.one_answer import OneAnswer, answering

SVG: Final = "{http://www.w3.org/2000/svg}"
NOTHING: Final = dict.fromkeys((*STAGES, "reversed", "net_minor"), 0)


def a_funnel(post_id: str = "p-1", **more: object) -> dict[str, Any]:
    tree = NOTHING | {
        "impressions": 1_200,
        "taps": 60,
        "requests": 12,
        "fulfilled": 9,
        "reversed": 2,
        "net_minor": 90_000,
    }
    return {
        "post_id": post_id, "rule": "last_click.v1", "currency": "CNY", "own": NOTHING, "tree": tree,
        "credit_ppm": 4_400_000, "credit_net_minor": 40_000, "view_through": 7,
        "placements": [tree | {"placement": "timeline"}],
        "edges": [tree | {"parent_id": "p-1", "post_id": "p-2", "depth": 1}], **more,
    }  # fmt: skip


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[OneAnswer]]:
    with answering(a_funnel(), monkeypatch) as handler:
        yield handler


def run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(funnel)
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_the_table_has_every_placement_and_repost(feed: type[OneAnswer]) -> None:
    shown = run("p-1")
    for words in ("this post", "in timeline", "repost p-2", "1,200", "900.00 CNY", "4.40 orders", "last_click.v1"):
        assert words in shown
    assert feed.asked == ["/v1/posts/p-1/funnel"]


def test_json_is_the_document_of_the_feed(feed: type[OneAnswer]) -> None:
    assert json.loads(run("p-1", "--json")) == feed.document


def test_the_picture_has_a_bar_for_each_stage_and_describes_them(feed: type[OneAnswer], tmp_path: Path) -> None:
    run("p-1", "--svg", str(tmp_path / "funnel.svg"))
    picture = ET.parse(tmp_path / "funnel.svg").getroot()  # noqa: S314  # our own file
    assert len(picture.findall(f"{SVG}rect")) == len(STAGES)
    described = picture.findtext(f"{SVG}desc") or ""
    assert "impressions 曝光: 1,200" in described
    assert max(float(each.get("width", "0")) for each in picture.findall(f"{SVG}rect")) <= 400


def test_an_injected_post_id_stays_text_in_the_picture() -> None:
    assert "<script>" not in drawn(a_funnel("<script>"))
