"""Which backups of a folder are whole, and when the last one is too old."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lutong_console import backups

MONDAY = datetime(2026, 11, 23, 3, 10, tzinfo=UTC)


def _made(folder: Path, *moments: datetime) -> None:
    for at in moments:
        backups.named(folder, at).mkdir()
        (backups.named(folder, at) / backups.MANIFEST).touch()


def test_whole_backups_are_listed_oldest_first(tmp_path: Path) -> None:
    _made(tmp_path, MONDAY + timedelta(days=1), MONDAY)
    backups.named(tmp_path, MONDAY + timedelta(days=2)).mkdir()  # cut short: no manifest
    (tmp_path / "monday").mkdir()
    (tmp_path / "monday" / backups.MANIFEST).touch()  # made by hand, under a name of its own
    assert [path.name for path in backups.in_folder(tmp_path)] == ["2026-11-23T031000Z", "2026-11-24T031000Z"]


@pytest.mark.parametrize(
    ("hours", "wrong"), [(0, None), (26, None), (27, "the last backup in .* was made at 2026-11-23 03:10Z")]
)
def test_a_backup_of_more_than_a_day_ago_is_reported(hours: int, wrong: str | None, tmp_path: Path) -> None:
    _made(tmp_path, MONDAY - timedelta(days=1), MONDAY)
    found = backups.judge_age(tmp_path, MONDAY + timedelta(hours=hours))
    assert (found is None) == (wrong is None)
    assert not found or not wrong or re.search(wrong, found.what)


def test_a_folder_without_a_backup_is_reported_with_the_command(tmp_path: Path) -> None:
    found = backups.judge_age(tmp_path / "none", MONDAY)
    assert found
    assert "no whole backup" in found.what
    assert "lutong backup" in found.then
