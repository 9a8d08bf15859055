"""When a disk is full, from what doctor saw of it before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from lutong_console import disk_growth
from lutong_console.disk_growth import Look, having, judge, note, per_day_mb, seen

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def look(hours_ago: float, used_mb: int, free_mb: int = 1_000) -> Look:
    return Look(NOW - timedelta(hours=hours_ago), used_mb, free_mb)


def test_a_disk_that_is_full_within_a_week_is_found() -> None:
    grown = {"postgres": [look(48, 1_000, 1_800), look(0, 1_800)], "feed": [look(48, 100), look(0, 700)]}
    (finding,) = judge(["postgres"], grown)
    assert finding.what == (
        "postgres: its disk grows by 400 MB a day, and is full on 2026-12-03 at 00:00Z;"
        " of databases feed grows most: 300 MB a day"
    )


def test_one_that_grows_slowly_or_shrinks_is_none() -> None:
    slow, shrinking = [look(48, 1_000), look(0, 1_100)], [look(48, 1_000), look(0, 400)]
    assert list(judge(["postgres", "kafka"], {"postgres": slow, "kafka": shrinking})) == []


def test_looks_of_less_than_a_day_tell_nothing() -> None:
    assert per_day_mb([look(23.9, 0), look(0, 900)]) == 0.0
    assert per_day_mb([look(0, 900)]) == 0.0
    assert per_day_mb([look(24, 0), look(0, 900)]) == 900  # the control


def test_a_disk_of_another_size_is_another_disk() -> None:
    small, large = look(48, 400, 100), look(0, 9_000, 90_000)
    assert having({"kafka": [small]}, {"kafka": large}) == {"kafka": [large]}
    assert having({"kafka": [look(48, 8_000, 91_500)]}, {"kafka": large})["kafka"][1:] == [large]  # the control


def test_a_week_of_looks_is_kept_an_hour_apart() -> None:
    often = [look(hours / 4, 200) for hours in range(4 * 24 * 9, 0, -1)]
    kept = having({"postgres": often}, {"postgres": look(0, 200)})["postgres"]
    assert len(kept) == 168 + 1
    assert kept[0].at == NOW - timedelta(days=7)
    assert kept[-1] == look(0, 200)


def test_looks_are_read_as_they_were_noted(tmp_path: Path) -> None:
    looks = {"kafka": [look(2, 10, 90), look(0, 20, 80)], "feed": [look(0, 5)]}
    note(tmp_path, "other", {"kafka": [look(0, 1)]})
    note(tmp_path, "lutong", looks)
    assert seen(tmp_path, "lutong") == looks
    assert seen(tmp_path, "other") == {"kafka": [look(0, 1)]}
    assert seen(tmp_path, "third") == {}


def test_notes_that_are_none_are_begun_anew(tmp_path: Path) -> None:
    for text in (
        "",
        "[1]",
        '{"lutong": 3}',
        '{"lutong": {"kafka": 3}}',
        '{"lutong": {"kafka": [["yesterday", 1, 2]]}}',
    ):
        (tmp_path / ".disks.json").write_text(text, encoding="utf-8")
        assert seen(tmp_path, "lutong") == {}
        note(tmp_path, "lutong", {"kafka": [look(0, 1)]})
        assert seen(tmp_path, "lutong") == {"kafka": [look(0, 1)]}


def test_a_folder_that_cannot_be_written_to_remembers_nothing(tmp_path: Path) -> None:
    note(tmp_path / "not-there", "lutong", {"kafka": [look(0, 1)]})
    assert disk_growth.seen(tmp_path / "not-there", "lutong") == {}
