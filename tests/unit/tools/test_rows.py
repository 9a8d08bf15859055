"""Rows without names are found in parameters and results, and the repository has none."""

import pytest

from tools.docgen.documents import ROOT
from tools.rows import anonymous, problems


@pytest.mark.parametrize(
    "signature",
    [
        "rows: Sequence[tuple[str, int]]",
        "*, rows: list[tuple[str, int | None]] | None = None",
        "rows: tuple[tuple[str, int], ...]",
        "rows: Mapping[str, list[tuple[str, int]]]",
        "*rows: abc.Iterable[tuple[str, int]]",
    ],
)
def test_a_parameter_of_anonymous_rows_is_found(signature: str) -> None:
    [found] = anonymous(f"def save({signature}): ...")
    assert found.text.startswith("save: ")


def test_a_result_of_anonymous_rows_is_found() -> None:
    assert [each.line for each in anonymous("\nasync def load() -> list[tuple[str, int]]: ...")] == [2]


@pytest.mark.parametrize(
    "signature",
    ["row: tuple[str, int]", "rows: Sequence[Row]", "rows: list[tuple[str, ...]]", "rows: dict[tuple[str, int], Row]"],
)
def test_what_has_a_name_or_no_fixed_shape_is_not(signature: str) -> None:
    assert list(anonymous(f"def save({signature}): ...")) == []


def test_every_row_of_the_repository_has_a_name() -> None:
    assert list(problems(ROOT)) == []
