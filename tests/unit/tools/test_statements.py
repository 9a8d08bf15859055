"""Statements name the columns they read: a plan of `SELECT *` is outdated by each column that a migration adds."""

import re
from pathlib import Path
from typing import Final

import pytest

from lutong_chassis.database import may_change

ROOT: Final = Path(__file__).parents[3]
_MADE: Final = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)")
_RUNNING: Final = ("libs/chassis", *(f"services/{name}" for name in ("feed", "registry", "membership", "inventory")))
_STARS: Final = (
    re.compile(r"\*\s+FROM\s+(?:ONLY\s+)?(\w+)"),
    re.compile(r"\b(\w+)\.\*"),
    re.compile(r"(RETURNING)\s+\*"),
)


def tables() -> frozenset[str]:
    """Every table of every service."""
    found = {name for file in ROOT.glob("*/*/*/migrations/*.sql") for name in _MADE.findall(file.read_text("utf-8"))}
    return frozenset(found)


def stars(text: str, known: frozenset[str]) -> list[str]:
    """What reads all columns of a table."""
    return [hit[0] for star in _STARS for hit in star.finditer(text) if hit[1] in known | {"RETURNING"}]


@pytest.mark.parametrize("part", _RUNNING)
def test_every_statement_names_its_columns(part: str) -> None:
    known = tables()
    found = {
        f"{file.relative_to(ROOT)}: {hit}"
        for file in (ROOT / part).rglob("*.py")
        for hit in stars(file.read_text("utf-8"), known)
    }
    assert found == set()


@pytest.mark.parametrize("text", ["SELECT *\n  FROM hold", "SELECT hold.*, now()", "DELETE FROM hold RETURNING *"])
def test_a_statement_that_reads_all_columns_is_found(text: str) -> None:
    assert "hold" in tables()
    assert len(stars(text, tables())) == 1


@pytest.mark.parametrize(
    "text", ["SELECT * FROM unnest($1::text[])", "SELECT count(*) FROM hold", "SELECT given.* FROM given"]
)
def test_columns_of_arrays_are_no_columns_of_tables(text: str) -> None:
    assert stars(text, tables()) == []


_FUNCTION: Final = re.compile(
    r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) (\w+)\s*\(.*?(?=\$\$|BEGIN ATOMIC|RETURN \()", re.DOTALL
)
_CANNOT_WRITE: Final = re.compile(r"\b(?:IMMUTABLE|STABLE)\b|RETURNS trigger")
"""A trigger's function runs for a statement that writes, so that one is seen already."""


def writers() -> set[str]:
    """Functions of migrations that a query could call, and that may write."""
    texts = [file.read_text("utf-8") for file in ROOT.glob("*/*/*/migrations/*.sql")]
    made = [hit for text in texts for hit in _FUNCTION.finditer(text)]
    return {hit[1] for hit in made if not _CANNOT_WRITE.search(hit[0])}


def test_a_query_that_calls_a_function_that_writes_counts_as_a_change() -> None:
    assert writers() >= {"keep_outbox_days"}
    assert [name for name in sorted(writers()) if not may_change(f"SELECT {name}($1)")] == []
    assert not may_change("SELECT search_words($1)")
