"""Labelled files: services, what is asked for, and which answer is right. docs/search.md has the format.

A set is a folder with `services.ndjson` and at least one of `questions.ndjson` and `posts.ndjson`. A row that is no row of
its file ends the reading, with its line: a measure of half a file would be taken for that of the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from lutong_console.cli.errors import USAGE, ConsoleError
from lutong_contracts.sentences import not_json, wrongs
from lutong_contracts.values import Identifier, Text, Title

SERVICES: Final = "services.ndjson"
QUESTIONS: Final = "questions.ndjson"
POSTS: Final = "posts.ndjson"
SERVICES_MAX: Final = 100_000
"""Each set is loaded into a registry of its own: more is the benchmark's work."""

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z0-9 _-]{1,30}$")]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceRow(_Row):
    """A service that may be found. Columns of `lutong import` for programs, as far as the search looks at them."""

    program_id: Identifier
    title: Title
    keywords: tuple[Annotated[str, StringConstraints(min_length=1, max_length=30)], ...] = Field((), max_length=20)
    description: Annotated[Text, StringConstraints(max_length=2000)] = ""
    category: Annotated[str, StringConstraints(min_length=1, max_length=30)] | None = None


class QuestionRow(_Row):
    """A question, and the services any of which is a right answer. `kind` groups questions: exact, pinyin."""

    question: Annotated[Text, StringConstraints(min_length=1, max_length=200)]
    relevant: tuple[Identifier, ...] = Field(min_length=1)
    kind: Kind = "question"


class PostRow(_Row):
    """A post, and the services whose card would be sensible on it. Under one that is `no_card`, any card hurts."""

    text: Annotated[Text, StringConstraints(min_length=1, max_length=2000)]
    sensible: tuple[Identifier, ...] = ()
    no_card: bool = False
    kind: Kind = "post"


R = TypeVar("R", bound=_Row)


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """One set."""

    name: str
    services: tuple[ServiceRow, ...]
    questions: tuple[QuestionRow, ...]
    posts: tuple[PostRow, ...]


def sets_in(directory: Path) -> list[LabelledSet]:
    """The set in a folder, or those in its folders, by name. Raises a ConsoleError that names file, line and column."""
    if not directory.is_dir():
        raise ConsoleError(f"{directory} is no folder", then="see docs/search.md for labelled files", code=USAGE)
    folders = (
        [directory] if (directory / SERVICES).exists() else sorted(p.parent for p in directory.glob(f"*/{SERVICES}"))
    )
    if not folders:
        raise ConsoleError(
            f"{directory} has no {SERVICES}, and none of its folders has one",
            then="python -m tools.datasets search ../shared/data DIR",
            code=USAGE,
        )
    return [_read_set(folder) for folder in folders]


def _read_set(folder: Path) -> LabelledSet:
    services = tuple(_rows(folder / SERVICES, ServiceRow))
    known = _known(folder / SERVICES, services)
    questions = tuple(_rows(folder / QUESTIONS, QuestionRow)) if (folder / QUESTIONS).exists() else ()
    posts = tuple(_rows(folder / POSTS, PostRow)) if (folder / POSTS).exists() else ()
    for name, asked in ((QUESTIONS, [row.relevant for row in questions]), (POSTS, [row.sensible for row in posts])):
        for number, ids in enumerate(asked, 1):
            if unknown := sorted(set(ids) - known):
                _refuse(folder / name, number, f"{unknown[0]!r} is no program_id of {SERVICES}")
    if not questions and not posts:
        raise ConsoleError(f"{folder} has neither {QUESTIONS} nor {POSTS}: nothing to measure", code=USAGE)
    return LabelledSet(folder.name, services, questions, posts)


def _known(path: Path, services: tuple[ServiceRow, ...]) -> set[str]:
    if not 0 < len(services) <= SERVICES_MAX:
        raise ConsoleError(f"{path} has {len(services):,} services: 1 to {SERVICES_MAX:,} can be measured", code=USAGE)
    known: set[str] = set()
    for number, service in enumerate(services, 1):
        if service.program_id in known:
            _refuse(path, number, f"program_id {service.program_id!r} is repeated")
        known.add(service.program_id)
    return known


def _rows(path: Path, row: type[R]) -> Iterator[R]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield _row(path, number, line, row)
    except OSError as error:
        raise ConsoleError(f"{path} cannot be read ({error.strerror})", code=USAGE) from None


def _row(path: Path, number: int, line: bytes, row: type[R]) -> R:
    try:
        found = orjson.loads(line)
        return row.model_validate(found)
    except orjson.JSONDecodeError:
        _refuse(path, number, not_json(line) or "it is not JSON")
    except ValidationError as error:
        first = wrongs(error.errors(include_url=False), row)[0]
        _refuse(path, number, first.detail)


def _refuse(path: Path, number: int, reason: str) -> NoReturn:
    raise ConsoleError(f"{path}:{number}: {reason}", then="see docs/search.md for labelled files", code=USAGE)
