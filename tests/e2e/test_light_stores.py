"""A brand's walk by the command line: template, file, shops, an upgrade that is stopped, one that is not."""

import json
from pathlib import Path

import pytest

from lutong_console.targets import Suite
from tests.bench.light_stores import BAD, Sizes, Walk, walk
from tests.support.command_line import Lutong

pytestmark = pytest.mark.timeout(300)

SIZES = Sizes(stores=80, bad=len(BAD), edits=6, offers=20)


def test_a_brand_makes_its_shops_and_upgrades_them(lutong: Lutong, target: Suite, tmp_path: Path) -> None:
    found = walk(lutong, target, tmp_path, "light-brand", SIZES)
    assert (found["rows_taken"], found["rows_rejected"], found["differences"]) == (SIZES.stores, SIZES.bad, [])
    assert found["taken_again"] == 0
    stopped = found["stopped"]
    assert (stopped["state"], stopped["percent"], stopped["reason"]) == ("stopped", 10, "render_failed")
    assert stopped["upgraded"] == stopped["reverted"] == 1
    assert (found["upgraded"]["state"], found["upgraded"]["upgraded"]) == ("completed", SIZES.stores)
    assert found["edits_kept"] == SIZES.edits
    steps = found["steps"]
    assert steps["again"]["events"] == 0
    assert steps["generated"]["events"] == 2 * SIZES.stores  # registered and released
    assert SIZES.stores <= steps["upgraded"]["events"] <= SIZES.stores + 5
    assert steps["upgraded"]["bytes"] < 600 * SIZES.stores  # whatever number of offers the brand has

    template = Walk(lutong, target, tmp_path, "light-brand", SIZES).template
    drift = lutong("light-stores", "drift", template, "--json")
    assert {each["reason"] for each in json.loads(drift.stdout)["stores"]} == {"edits_conflict"}
    adopt(lutong, tmp_path, template, "light-brand-00001")
    plan = lutong("light-stores", "plan", template, "2")
    assert plan.returncode == 1, plan.stderr
    assert "不适用" in plan.stdout
    shown = lutong("light-stores", "diff", template, "light-brand-00000", "--version", "2")
    assert "升级后" in shown.stdout
    assert "completed 已完成" in lutong("light-stores", "status", template).stdout
    verified = json.loads(lutong("verify", "--json", timeout_s=120).stdout)
    assert "V23" in verified["holds"]


def adopt(lutong: Lutong, folder: Path, template: str, store: str) -> None:
    """What a program was changed to by the usual commands becomes edits of its store."""
    shop = json.loads(lutong("light-stores", "diff", template, store, "--json").stdout)
    row = f"{shop['program_id']},light-brand,手工,pages/own"
    (folder / "programs.csv").write_text(f"program_id,merchant_id,title,page\n{row}\n", encoding="utf-8")
    assert lutong("import", str(folder / "programs.csv")).returncode == 0
    assert "changed by hand" in lutong("light-stores", "drift", template).stdout
    adopted = json.loads(lutong("light-stores", "adopt", template, store, "--json").stdout)
    assert (adopted["drifted"], adopted["edits"]["title"], adopted["edits"]["page"]) == (False, "手工", "pages/own")
    assert "changed by hand" not in lutong("light-stores", "drift", template).stdout
