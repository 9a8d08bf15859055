"""Generated documents are those that the code gives, and contracts do not break consumers."""

import json
from pathlib import Path

import pytest

from lutong_console.subscriptions import handled_types
from lutong_contracts.topics import SERVICES
from lutong_contracts.version import VERSION
from tools.docgen.__main__ import main
from tools.docgen.documents import SCHEMAS
from tools.docgen.suite import RUNNING, handled
from tools.docgen.versions import stated


def test_an_incompatible_change_fails_the_contract_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in SCHEMAS.glob("*.json"):
        changed = path.read_text(encoding="utf-8").replace('"maxLength": 2000', '"maxLength": 3000')
        (tmp_path / path.name).write_text(changed, encoding="utf-8")
    (tmp_path / "lutong.feed.post-burnt.v1.json").write_text("{}")
    assert main(["--json", "check", "--against", str(tmp_path)]) == 1
    assert {(item["type"], item["pointer"]) for item in json.loads(capsys.readouterr().out)["incompatible"]} == {
        ("lutong.feed.post-burnt.v1", ""),
        ("lutong.feed.post-published.v1", "/properties/text/maxLength"),
        ("lutong.feed.post-revised.v1", "/properties/text/maxLength"),
    }


def test_contracts_compared_with_themselves_are_compatible(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--json", "check", "--against", str(SCHEMAS)])
    assert json.loads(capsys.readouterr().out)["incompatible"] == []


def test_an_unknown_revision_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--against", "no-such-revision"]) == 2
    assert "neither a folder nor a revision" in capsys.readouterr().err


def test_the_console_knows_what_each_service_handles() -> None:
    by_event = handled()
    assert handled_types() == {
        name: {event.type for event, services in by_event.items() if name in services} for name in SERVICES
    }


def test_every_service_is_documented() -> None:
    assert tuple(RUNNING) == SERVICES


def test_a_version_is_replaced_wherever_it_is_stated(tmp_path: Path) -> None:
    page = tmp_path / "compose.yaml"
    page.write_text('image: "a:${LUTONG_VERSION:-0.0.1}"\nARG VERSION=0.0.1\n#LUTONG_VERSION=0.0.1\nARG PYTHON=3.13\n')
    assert stated(page, VERSION).decode() == (
        f'image: "a:${{LUTONG_VERSION:-{VERSION}}}"\nARG VERSION={VERSION}\n#LUTONG_VERSION={VERSION}\nARG PYTHON=3.13\n'
    )
