"""lutong search: how well services are found, and posts lead to them, by labelled files, beside BM25."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from lutong_console.cli.errors import PROBLEM
from lutong_console.cli.replay.session import session_with
from lutong_console.cli.screen import emit_json, out, table
from lutong_console.cli.search import asking
from lutong_console.cli.search.bm25 import BM25
from lutong_console.cli.search.labelled import LabelledSet, sets_in
from lutong_console.cli.search.measures import DEPTH, Answered, Estimate, Finding, Labelled, Leading, finding, leading
from lutong_console.targets import Json, Suite

commands = typer.Typer(help="The search and the cards, measured on labelled files: eval.", no_args_is_help=True)

_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class QuestionsFound:
    """How the questions of a kind were answered here and by BM25. `ratio` is of hit@10."""

    kind: str
    here: Finding
    bm25: Finding
    ratio: float | None


@dataclass(frozen=True, slots=True)
class PostsLed:
    """Where the posts of a kind led."""

    kind: str
    here: Leading


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on a set."""

    name: str
    services: int
    questions: list[QuestionsFound]
    posts: list[PostsLed]


@commands.callback()
def search() -> None:
    """The search and the cards, measured on labelled files."""


@commands.command("eval")
def evaluate(
    directory: Annotated[
        Path, typer.Argument(help="A folder with services.ndjson beside questions.ndjson or posts.ndjson, or of such.")
    ],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 when BM25 is better, or a card hurts.")] = False,
    as_json: Json = False,
) -> None:
    """Measure search and cards on labelled files: hit@1, hit@10, MRR@10, precision, recall and harm, beside BM25.

    A registry is started for each set, on a PostgreSQL of its own, and asked over HTTP; nothing of it remains. Intervals
    are of 95 %. docs/search.md has the format of the files.
    """
    measured = [_measure(each) for each in sets_in(directory)]
    if as_json:
        emit_json({"sets": [asdict(each) for each in measured]})
    else:
        _show(measured)
    if strict and not all(map(_is_good, measured)):
        raise typer.Exit(PROBLEM)


def _measure(labelled: LabelledSet) -> Measured:
    with asking.registry() as target:
        found, led = asyncio.run(_ask(target, labelled))
    index = BM25(labelled.services)
    baseline = [index.best(row.question, DEPTH) for row in labelled.questions]
    questions = [_questions(labelled, kind, found, baseline) for kind in _kinds(labelled.questions)]
    return Measured(
        labelled.name,
        len(labelled.services),
        questions,
        [_posts(labelled, kind, led) for kind in _kinds(labelled.posts)],
    )


async def _ask(target: Suite, labelled: LabelledSet) -> tuple[list[list[str]], list[str | None]]:
    async with session_with(target) as session:
        await asking.load(session, labelled.services)
        found = await asking.answers(session, [row.question for row in labelled.questions])
        return found, await asking.cards(session, [row.text for row in labelled.posts])


def _kinds(rows: Sequence[Any]) -> list[str]:
    """The kinds of rows, and `all` when there are several."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    return [_ALL, *kinds] if len(kinds) > 1 else kinds


def _questions(
    labelled: LabelledSet, kind: str, found: Sequence[list[str]], baseline: Sequence[list[str]]
) -> QuestionsFound:
    rows = [(n, set(row.relevant)) for n, row in enumerate(labelled.questions) if kind in (_ALL, row.kind)]
    here = finding([Answered(found[n], relevant) for n, relevant in rows])
    bm25 = finding([Answered(baseline[n], relevant) for n, relevant in rows])
    ours, theirs = here.hit_10, bm25.hit_10
    ratio = round(ours.value / theirs.value, 3) if ours and theirs and theirs.value else None
    return QuestionsFound(kind, here, bm25, ratio)


def _posts(labelled: LabelledSet, kind: str, led: Sequence[str | None]) -> PostsLed:
    rows = zip(labelled.posts, led, strict=True)
    return PostsLed(
        kind,
        leading([Labelled(card, set(row.sensible), row.no_card) for row, card in rows if kind in (_ALL, row.kind)]),
    )


def _is_good(measured: Measured) -> bool:
    """Whether no kind of question is behind BM25, and no card hurts."""
    behind = any(each.ratio is not None and each.ratio < 1 for each in measured.questions)
    return not behind and not any(each.here.harmful_cards for each in measured.posts)


def _show(measured: Sequence[Measured]) -> None:
    asked = [line for each in measured for row in each.questions for line in _answered(each.name, row)]
    if asked:
        out.print(table(("set", "kind", "questions", "by", "hit@1", "hit@10", "MRR@10", "empty", "x BM25"), asked))
    posted = [_led(each.name, row) for each in measured for row in each.posts]
    if posted:
        headings = ("set", "kind", "posts", "cards", "precision", "recall", "harmful", "of all posts")
        out.print(table(headings, posted))


def _answered(name: str, row: QuestionsFound) -> list[list[object]]:
    n = row.here.hit_10.n if row.here.hit_10 else 0
    return [
        [name, row.kind, n, "lutong", *_figures(row.here), row.ratio],
        ["", "", "", "BM25", *_figures(row.bm25), ""],
    ]


def _led(name: str, row: PostsLed) -> list[object]:
    here = row.here
    harmful = [here.harmful_cards, _written(here.harmful)]
    return [name, row.kind, here.posts, here.cards, _written(here.precision), _written(here.recall), *harmful]


def _figures(found: Finding) -> tuple[str, ...]:
    return tuple(_written(each) for each in (found.hit_1, found.hit_10, found.mrr_10, found.empty))


def _written(estimate: Estimate | None) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})" if estimate else "–"
