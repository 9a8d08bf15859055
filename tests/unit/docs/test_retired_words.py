"""Retired names are found wherever they hide, and the repository has none."""

import pytest

from tools.docgen.documents import ROOT
from tools.docscheck.retired import GLOSSARY, problems, retired, uses

PAGE = """# Glossary

| name here | standard term | what it is |
|---|---|---|
| hold | authorisation | credit that is set aside |

## Retired

| retired | instead |
|---|---|
| errand | job |
| KafkaIntake | KafkaSubscriber |
| let go of | close |
"""
NAMES = retired(PAGE)


def test_only_the_last_table_retires_names() -> None:
    assert [(name.name, name.instead) for name in NAMES] == [
        ("errand", "job"),
        ("KafkaIntake", "KafkaSubscriber"),
        ("let go of", "close"),
    ]


@pytest.mark.parametrize(
    "text",
    ["an errand", "Errands wait", "wake_errands(names)", "class ErrandRunner", "KafkaIntake()", "kafka_intake", "Let go of it."],
)  # fmt: skip
def test_a_retired_name_is_found(text: str) -> None:
    assert [number for number, _ in uses(f"first line\n{text}", NAMES)] == [2]


@pytest.mark.parametrize("text", ["merrand", "errandless", "an intake of Kafka", "let it go, of course"])
def test_what_only_looks_alike_is_not(text: str) -> None:
    assert list(uses(text, NAMES)) == []


def test_no_file_uses_a_retired_name() -> None:
    assert retired((ROOT / GLOSSARY).read_text("utf-8")) != []
    assert list(problems(ROOT)) == []
