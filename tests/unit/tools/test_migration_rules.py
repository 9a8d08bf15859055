"""What `make migrations` refuses, because the release before still runs, and what it lets through."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SQUAWK = Path(sys.executable).with_name("squawk")


def refusals(folder: Path, sql: str) -> str:
    """What squawk says of a migration, with our rules; empty when it lets it through."""
    (folder / "0009_change.sql").write_text(sql, encoding="utf-8")
    command = [str(SQUAWK), "--config", str(ROOT / ".squawk.toml"), "--reporter", "gcc", "0009_change.sql"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (not done.stdout.strip()), done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("DROP TABLE shelf;", "ban-drop-table"),
        ("ALTER TABLE shelf DROP COLUMN sku;", "ban-drop-column"),
        ("ALTER TABLE shelf RENAME COLUMN sku TO article;", "renaming-column"),
        ("ALTER TABLE shelf RENAME TO rack;", "renaming-table"),
        ("ALTER TABLE shelf ADD COLUMN zone text NOT NULL;", "adding-required-field"),
        ("ALTER TABLE shelf ALTER COLUMN sku SET NOT NULL;", "adding-not-nullable-field"),
        ("ALTER TABLE shelf ALTER COLUMN sku DROP NOT NULL;", "ban-drop-not-null"),
        ("ALTER TABLE shelf ALTER COLUMN on_hand TYPE text;", "changing-column-type"),
        ("ALTER TABLE shelf ADD CONSTRAINT few CHECK (on_hand < 9);", "constraint-missing-not-valid"),
        ("ALTER TABLE shelf DROP CONSTRAINT few;", "ban-drop-constraint"),
        ("DROP FUNCTION put();", "ban-drop-function"),
    ],
    ids=lambda value: value if "-" in value else "",
)
def test_what_breaks_the_release_before_is_refused(tmp_path: Path, sql: str, rule: str) -> None:
    assert f": {rule} " in refusals(tmp_path, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE rack (id text PRIMARY KEY);",
        "ALTER TABLE shelf ADD COLUMN zone text;",
        "ALTER TABLE shelf ADD COLUMN zone text NOT NULL DEFAULT 'a';",
        "ALTER TABLE shelf ADD CONSTRAINT few CHECK (on_hand < 9) NOT VALID;",
        "CREATE INDEX shelf_by_zone ON shelf (zone);",
    ],
)
def test_what_only_adds_is_let_through(tmp_path: Path, sql: str) -> None:
    assert refusals(tmp_path, sql) == ""


def test_a_contract_step_names_the_rule_that_it_breaks(tmp_path: Path) -> None:
    step = "-- Nothing reads it since 0.2.\nALTER TABLE shelf\n    {}DROP COLUMN sku;"
    assert refusals(tmp_path, step.format("-- squawk-ignore ban-drop-column\n    ")) == ""
    assert refusals(tmp_path, step.format("-- squawk-ignore ban-drop-table\n    ")) != ""


def test_every_grandfathered_migration_exists() -> None:
    config = (ROOT / ".squawk.toml").read_text(encoding="utf-8")
    named = [line.split('"')[1] for line in config.splitlines() if "/migrations/" in line and '"*/' in line]
    assert named
    assert [pattern for pattern in named if not list(ROOT.glob(f"*/{pattern}"))] == []
