"""Retired names are found wherever they hide, and the repository has none."""

import pytest

from tools.docgen.documents import ROOT
from tools.docscheck.retired import GLOSSARY, problems, retired, uses, uses_in_names, uses_in_prose

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
| `told` | answer |
| *say* | publish |
"""
NAMES = retired(PAGE)


def test_only_the_last_table_retires_names() -> None:
    assert [(name.name, name.instead) for name in NAMES] == [
        ("errand", "job"),
        ("KafkaIntake", "KafkaSubscriber"),
        ("let go of", "close"),
        ("told", "answer"),
        ("say", "publish"),
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


@pytest.mark.parametrize(
    ("source", "found"), [("told = 1", 1), ("def was_told(): ...", 1), ("x = 'we were told'  # told", 0)]
)
def test_a_word_that_prose_needs_is_refused_in_names_only(source: str, found: int) -> None:
    assert len(list(uses_in_names(source, NAMES))) == found
    assert list(uses(source, NAMES)) == []


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("docs/page.md", "The service says why.", 1),
        ("docs/page.md", "[the decision](adr/it-says-why.md)", 0),
        ("libs/a.py", '"""First.\n\nIt says why."""', 1),
        ("libs/a.py", "x = 1  # they say", 1),
        ("libs/a.py", "def say(): ...", 0),
        ("libs/a.py", '"""Returns `say`, and what_they_say."""', 0),
        ("tests/a.py", "x = 1  # they say", 0),
        ("data/words.txt", "say", 0),
    ],
)
def test_a_word_that_names_need_is_refused_in_prose_only(file: str, text: str, found: int) -> None:
    assert len(list(uses_in_prose(file, text, NAMES))) == found
    assert list(uses(text, NAMES)) == []


def test_no_file_uses_a_retired_name() -> None:
    assert retired((ROOT / GLOSSARY).read_text("utf-8")) != []
    assert list(problems(ROOT)) == []
