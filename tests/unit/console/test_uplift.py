"""`lutong uplift` as a merchant's analyst sees it: the table, the JSON, the picture, and when not to believe them."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lutong_console.cli.errors import ConsoleError
from lutong_console.cli.uplift.command import uplift
from lutong_console.cli.uplift.forest_plot import forest
from lutong_console.cli.uplift.format import amount
from lutong_membership.plans.domain.uplift import Member, measure
from tests.unit.membership.uplift_world import PLANTED, pool, trials

Document = dict[str, Any]
SVG = "{http://www.w3.org/2000/svg}"


def a_document(members: list[Member], **changes: object) -> Document:
    """As membership answers."""
    head = {
        "merchant_id": "watsons",
        "plan_id": "light",
        "currency": "CNY",
        "window": {"since": "2026-10-01T00:00:00+08:00", "until": "2026-11-01T00:00:00+08:00"},
    }
    document: Document = json.loads(json.dumps(head | asdict(measure(members, 30)) | changes))
    return document


@pytest.fixture(scope="module")
def members() -> list[Member]:
    (rows,) = trials(pool(PLANTED, size=4_000), 1, size=4_000)
    return rows


class Membership:
    """Answers one document on every path, and remembers what was asked."""

    def __init__(self) -> None:
        self.document: Document = {}
        self.status = 200
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the standard library's name
                outer.asked.append(self.path)
                body = json.dumps(outer.document).encode()
                self.send_response(outer.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:  # silence on stderr
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def membership(monkeypatch: pytest.MonkeyPatch) -> Iterator[Membership]:
    fake = Membership()
    thread = threading.Thread(target=fake.server.serve_forever)
    thread.start()
    for service in ("FEED", "REGISTRY", "MEMBERSHIP", "INVENTORY"):
        monkeypatch.setenv(f"LUTONG_{service}_URL", fake.url)
    monkeypatch.setenv("LUTONG_HOME", "/nonexistent")
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()


def lutong_uplift(*arguments: str) -> Any:  # noqa: ANN401  # typer's result
    app = typer.Typer()
    app.command()(uplift)
    return CliRunner().invoke(app, list(arguments))


def test_the_table_shows_what_changed_by_how_much_and_how_surely(membership: Membership, members: list[Member]) -> None:
    membership.document = a_document(members)
    done = lutong_uplift("watsons", "--plan", "light", "--since", "2026-10-01T00:00:00+08:00")
    assert done.exit_code == 0
    assert membership.asked == ["/v1/merchants/watsons/uplift?plan_id=light&since=2026-10-01T00%3A00%3A00%2B08%3A00"]
    assert "watsons, plan light" in done.output
    assert "held out (30 %)" in done.output
    for word in ("order value 客单价", "coupon use 用券率", "higher", "CNY", "×", " to "):
        assert word in done.output
    assert "not sound" not in done.output


def test_json_is_what_membership_answered(membership: Membership, members: list[Member]) -> None:
    membership.document = a_document(members)
    done = lutong_uplift("watsons", "--json")
    assert json.loads(done.stdout) == membership.document


def test_arms_that_cannot_be_compared_are_a_problem_found(membership: Membership, members: list[Member]) -> None:
    leaking = [member for member in members if member.arm == "treated" or not member.orders_before]
    membership.document = a_document(leaking)
    done = lutong_uplift("watsons")
    assert done.exit_code == 1
    assert "not sound: the arms are not as large as they were meant to be" in done.output


def test_too_little_data_is_reported_and_is_no_problem(membership: Membership, tmp_path: Path) -> None:
    membership.document = a_document([Member(arm="treated", exposure_days=3)])
    done = lutong_uplift("watsons", "--picture", str(tmp_path / "uplift.svg"))
    assert done.exit_code == 0
    assert done.output.count("not enough data") == 6
    assert (tmp_path / "uplift.svg").read_text(encoding="utf-8").count("not enough data") == 12


def test_a_merchant_that_is_not_there_is_the_services_refusal(membership: Membership) -> None:
    membership.status, membership.document = 404, {"detail": "there is no merchant 'nobody'"}
    done = lutong_uplift("nobody")
    assert isinstance(done.exception, ConsoleError)
    assert "there is no merchant 'nobody'" in str(done.exception)


def test_a_picture_that_cannot_be_written_is_a_usage_error(membership: Membership, members: list[Member]) -> None:
    membership.document = a_document(members)
    done = lutong_uplift("watsons", "--picture", "/nonexistent/uplift.svg")
    assert isinstance(done.exception, ConsoleError)
    assert done.exception.code == 2


# The picture


def drawn(document: Document) -> ET.Element:
    return ET.fromstring(forest(document))  # noqa: S314  # our own


def test_the_picture_is_readable_without_eyes_and_in_the_dark(members: list[Member]) -> None:
    document = a_document(members, merchant_id="a<b>&c")
    picture = drawn(document)
    title, description = picture.findtext(f"{SVG}title"), picture.findtext(f"{SVG}desc")
    assert title == "a<b>&c: members with light membership against members held out"
    assert description is not None
    assert description.count("×") == 18
    assert picture.attrib["role"] == "img"
    assert "prefers-color-scheme:dark" in (picture.findtext(f"{SVG}style") or "")
    assert len(picture.findall(f"{SVG}circle")) == 6


def test_the_picture_of_incomparable_arms_warns_first(members: list[Member]) -> None:
    assert "NOT SOUND" in forest(a_document(members, sound=False))
    assert "NOT SOUND" not in forest(a_document(members))


ratios = st.floats(0.01, 50).flatmap(
    lambda value: st.floats(1.001, 5).map(lambda half: {"value": value, "low": value / half, "high": value * half})
)


@given(st.lists(ratios, min_size=1, max_size=5))
def test_all_ratios_and_no_effect_lie_inside_the_frame(found: list[dict[str, float]]) -> None:
    document = a_document([])
    for kpi, ratio in zip(document["kpis"], found, strict=False):
        kpi |= {"ratio": ratio, "verdict": "higher", "treated": 1.0, "holdout": 1.0}
    picture = drawn(document)
    lines = picture.findall(f"{SVG}line")
    places = [float(line.attrib[x]) for line in lines for x in ("x1", "x2")]
    assert all(270 <= place <= 690 for place in places)
    assert sum(line.attrib["class"] == "none" for line in lines) == 1


@pytest.mark.parametrize(
    ("value", "unit", "currency", "written"),
    [
        (11_834.2, "minor", "CNY", "118.34 CNY"),
        (1_183.0, "minor", "JPY", "1,183 JPY"),
        (0.1234, "share", "CNY", "12.3 %"),
        (3.456, "orders", "CNY", "3.46"),
        (None, "share", "CNY", "–"),
    ],
)
def test_figures_are_written_as_people_read_them(value: float | None, unit: str, currency: str, written: str) -> None:
    assert amount(value, unit, currency) == written
