"""Hot titles labelled by hand: which card would be sensible on each, and on which any card would hurt.

The labels are here (`labels/hot_titles.csv`), the titles are not: a label knows its title by the first 16 digits of its
SHA-256. `labels/README.md` has the guideline, and how far the two readings agree.
"""

import csv
import gzip
import lzma
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from lutong_registry.search.domain.lexicon import stop_words
from lutong_registry.search.domain.text import key_of, plain
from tools.datasets import raw

LABELS: Final = Path(__file__).parent / "labels"
RESTAURANTS: Final = 100
DISHES_MAX: Final = 10

Row = Mapping[str, Any]


class Label(NamedTuple):
    """What a title is by two readings: `s` a card would be sensible, `n` of no use, `h` it would hurt."""

    sample: str
    reader_1: str
    reader_2: str
    services: tuple[str, ...]

    @property
    def no_card(self) -> bool:
        """Either reading is enough: where they differ, silence is right."""
        return "h" in (self.reader_1, self.reader_2)

    @property
    def sensible(self) -> tuple[str, ...]:
        """Only where both agree."""
        return self.services if self.reader_1 == self.reader_2 == "s" else ()


def labels() -> dict[str, Label]:
    """By digest of the title."""
    with (LABELS / "hot_titles.csv").open(encoding="utf-8") as file:
        return {
            row["title"]: Label(row["sample"], row["reader_1"], row["reader_2"], tuple(row["services"].split()))
            for row in csv.DictReader(file)
        }


def agreement(known: Sequence[Label]) -> float:
    """Cohen's kappa of the two readings: 1 is agreement, 0 is what chance gives."""
    n = len(known)
    first, second = (Counter(getattr(label, reader) for label in known) for reader in ("reader_1", "reader_2"))
    chance = sum(first[word] * second[word] for word in first) / (n * n)
    agreed = sum(label.reader_1 == label.reader_2 for label in known) / n
    return (agreed - chance) / (1 - chance)


def labelled_posts(data: Path) -> Iterator[Row]:
    """The labelled titles as posts. The rules were tuned on those whose digest is even, and on no other."""
    known = labels()
    with gzip.open(data / "weibo" / "hot_titles_2023Q1.tsv.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text = line.rstrip("\n").split("\t", 1)[1]
            digest = _digest(text)
            if (label := known.get(digest)) is not None:
                half = "tuned" if int(digest, 16) % 2 == 0 else "held-out"
                kind = f"{half} {label.sample}"
                yield {"text": text, "sensible": label.sensible, "no_card": label.no_card, "kind": kind}


class Pool(NamedTuple):
    """Services, and the posts that got a card of one of them by the rules of the day."""

    name: str
    services: Sequence[Row]
    posts: Sequence[Row]


def judged(data: Path) -> Iterator[Pool]:
    """Cards on all titles that readers judged one by one, by the pool of services that they are from."""
    cards: dict[str, dict[str, list[Row]]] = {}
    with (LABELS / "judged_cards.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            cards.setdefault(row["pool"], {}).setdefault(row["title"], []).append(row)
    texts = {_digest(text): text for text in _all_titles(data)}
    for pool, of in cards.items():
        known = services(data) if pool == "known" else shops(f"shops_{pool}.csv")
        yield Pool(pool, known, [_judged(texts[title], rows) for title, rows in of.items() if title in texts])


def _judged(text: str, cards: Sequence[Row]) -> Row:
    """A post by its cards: by those of one day it led elsewhere than by those of another."""
    readings = [{card["reader_1"], card["reader_2"]} - {""} for card in cards]
    sensible = [card["service"] for card, read in zip(cards, readings, strict=True) if read == {"s"}]
    return {
        "text": text,
        "sensible": sensible,
        "no_card": any("h" in read for read in readings),
        "kind": cards[0]["pool"],
    }


def _digest(text: str) -> str:
    """By what a label knows its title."""
    return sha256(text.encode()).hexdigest()[:16]


def _all_titles(data: Path) -> Iterator[str]:
    with gzip.open(data / "weibo" / "hot_titles_2023Q1.tsv.gz", "rt", encoding="utf-8") as lines:
        yield from (line.rstrip("\n").split("\t", 1)[1] for line in lines)
    with lzma.open(data / "traffic" / "weibo_hot_hourly_2024-11.tsv.xz", "rt", encoding="utf-8") as lines:
        yield from (line.rstrip("\n").split("\t", 2)[2] for line in lines)


def shops(name: str) -> list[Row]:
    """A pool of well-known brands and places with keywords of their own."""
    with (LABELS / name).open(encoding="utf-8") as file:
        return [row | {"keywords": keywords(row["keywords"].split(";"))} for row in csv.DictReader(file)]


def services(data: Path) -> list[Row]:
    """The services that cards may lead to: government items, known shops, and restaurants with their dishes."""
    items = [
        {
            "program_id": item["program_id"],
            "title": item["manifest"]["title"],
            "description": item["manifest"]["description"],
        }
        for item in raw.services(data)
    ]
    return [*items, *shops("shops.csv"), *_restaurants(data)]


def _restaurants(data: Path) -> Iterator[Row]:
    with gzip.open(data / "service" / "crosswoz_poi.jsonl.gz", "rt", encoding="utf-8") as lines:
        places = [place for place in map(orjson.loads, lines) if place["领域"] == "餐馆"]
    for number, place in enumerate(places[::9][:RESTAURANTS]):
        yield {
            "program_id": f"restaurant-{number}",
            "title": place["名称"][:80],
            "category": "餐馆",
            "keywords": keywords(place.get("推荐菜", ()))[:DISHES_MAX],
        }


def keywords(words: Sequence[str]) -> list[str]:
    """What a manifest takes: each once, none without meaning."""
    given = dict.fromkeys(word.strip()[:30] for word in words)
    return [word for word in given if word and key_of(plain(word)) not in stop_words()][:20]
