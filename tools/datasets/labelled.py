"""`python -m tools.datasets.labelled DATA OUT`: the open data beside the project as labelled files for `lutong search eval OUT`.

Sets: `crosswoz` (requests of people and exact names of places), `cmrc` (questions about passages), `government` (titles of
service items in the ways that people write them), `titles` (hot titles, labelled one by one) and
`cards-…` (those that got a card, by pools of services). The files hold the data, and never become part of the project.
"""

import argparse
import gzip
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from opencc import OpenCC
from pypinyin import lazy_pinyin

from tools.datasets import hot_titles, raw
from tools.datasets.hot_titles import keywords

Row = Mapping[str, Any]

ASKED: Final = 300
"""Titles asked for in each odd form."""

_WRAPPED: Final = ("你好，请问{}怎么办理", "我想办一下{}", "{}需要什么材料啊", "在哪里可以办{}")
_DIGITS: Final = re.compile(r"[^\w\u4e00-\u9fff]+")
_to_traditional = OpenCC("s2t").convert


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.datasets.labelled", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    service = given.data / "service"
    _write(given.out / "crosswoz", services=places(service), questions=[*requests(service), *names(service)])
    _write(given.out / "cmrc", services=passages(service), questions=passage_questions(service))
    items = government_items(given.data)
    _write(given.out / "government", services=items, questions=government_questions(items))
    posts = hot_titles.labelled_posts(given.data)
    _write(given.out / "titles", services=hot_titles.services(given.data), posts=posts)
    for pool in hot_titles.judged(given.data):
        _write(given.out / f"cards-{pool.name}", services=pool.services, posts=pool.posts)
    sys.stdout.write(f"written: lutong search eval {given.out}\n")
    return 0


def places(service: Path) -> list[Row]:
    """Places of Beijing: dishes and kinds of hotel are their keywords, the rest describes them."""
    return [
        {
            "program_id": f"poi-{number}",
            "title": place["名称"][:80],
            "category": place["领域"],
            "keywords": keywords([*place.get("推荐菜", ()), place.get("酒店类型", "")]),
            "description": _described(place),
        }
        for number, place in enumerate(_lines(service / "crosswoz_poi.jsonl.gz"))
    ]


def requests(service: Path) -> Iterator[Row]:
    """What people asked for, and the places that they were answered with."""
    ids = {place["名称"]: f"poi-{n}" for n, place in enumerate(_lines(service / "crosswoz_poi.jsonl.gz"))}
    for line in _lines(service / "crosswoz_queries.jsonl.gz"):
        relevant = [ids[name] for name in line["rel"] if name in ids]
        if relevant:
            yield {"question": line["query"][:200], "relevant": relevant, "kind": "request"}


def names(service: Path) -> Iterator[Row]:
    """Each place by its own name; places of one name answer alike."""
    ids: dict[str, list[str]] = {}
    for number, place in enumerate(_lines(service / "crosswoz_poi.jsonl.gz")):
        ids.setdefault(place["名称"][:80], []).append(f"poi-{number}")
    for name, known in ids.items():
        yield {"question": name, "relevant": known, "kind": "exact"}


def passages(service: Path) -> list[Row]:
    """Passages as services: a title of their beginning, and all of it as the description."""
    return [
        {
            "program_id": line["id"],
            "title": " ".join(line["passage"].split())[:40],
            "description": " ".join(line["passage"].split())[:2000],
        }
        for line in _lines(service / "cmrc2018_dev_qp.jsonl.gz")
    ]


def passage_questions(service: Path) -> Iterator[Row]:
    """Questions about passages."""
    for line in _lines(service / "cmrc2018_dev_qp.jsonl.gz"):
        for question in line["questions"]:
            yield {"question": question[:200], "relevant": [line["id"]]}


def government_items(data: Path) -> list[Row]:
    """Service items of a government, by their official titles."""
    return [
        {
            "program_id": item["program_id"],
            "title": item["manifest"]["title"],
            "description": item["manifest"]["description"],
        }
        for item in raw.services(data)
    ]


def government_questions(items: Sequence[Row]) -> Iterator[Row]:
    """Titles as people write them: exact, and in the forms in which a search that compares texts loses them."""
    for item in items:
        yield {"question": item["title"], "relevant": [item["program_id"]], "kind": "exact"}
    rng = random.Random(20240101)  # noqa: S311  # the same questions every time
    for kind, written in _forms(rng).items():
        for item in rng.sample(list(items), ASKED):
            if question := written(str(item["title"]))[:200]:
                yield {"question": question, "relevant": [item["program_id"]], "kind": kind}


def _forms(rng: random.Random) -> Mapping[str, Any]:
    return {
        "traditional": _to_traditional,
        "pinyin": lambda title: "".join(lazy_pinyin(_DIGITS.sub("", title))),
        "initials": lambda title: "".join(sound[0] for sound in lazy_pinyin(_DIGITS.sub("", title)) if sound),
        "spaced": " ".join,
        "wrapped": lambda title: rng.choice(_WRAPPED).format(title),
        "missing": lambda title: _without(title, rng.randrange(len(title))),
        "swapped": lambda title: _swapped(title, rng.randrange(max(1, len(title) - 1))),
        "half": lambda title: title[: (len(title) + 1) // 2],
    }


def _without(title: str, place: int) -> str:
    return title[:place] + title[place + 1 :]


def _swapped(title: str, place: int) -> str:
    return title[:place] + title[place : place + 2][::-1] + title[place + 2 :]


def _described(place: Row) -> str:
    rest = {name: value for name, value in place.items() if name not in ("领域", "名称", "推荐菜", "酒店类型")}
    parts = (f"{name}{'、'.join(value) if isinstance(value, list) else value}" for name, value in rest.items())
    return " ".join(parts)[:2000]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(orjson.loads, file)


def _write(folder: Path, **files: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        (folder / f"{name}.ndjson").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
