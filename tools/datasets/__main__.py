"""`python -m tools.datasets DATA OUT`: the open data beside the project (`../shared/data`) as files for `lutong import OUT` and `lutong replay OUT`.

Titles of posts name real people: the files are for tests and replays, and never become part of the project.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from tools.datasets import raw
from tools.datasets.raw import Basket, City

_SHOP: Final = {"merchant_id": "shop", "name": "Online Retail"}
_GOVERNMENT: Final = {"merchant_id": "government", "name": "政务服务"}
_PLAN: Final = {
    "plan_id": "shop-light",
    "merchant_id": "shop",
    "title": "Light",
    "currency": "EUR",
    "line_limit_minor": 10**6,
}
_SHOP_POST: Final = {"post_id": "shop-post", "author_id": "shop", "text": "Online Retail", "program_id": "shop"}

Rows = Iterable[Mapping[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.datasets", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    for name, default in (("posts", 2000), ("orders", 2000), ("stores", 200), ("follows", 30_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    raw.check(given.data)
    given.out.mkdir(parents=True, exist_ok=True)
    for name, rows in _files(given):
        write(given.out / name, rows)
    sys.stdout.write(f"written: lutong import {given.out}, or lutong replay {given.out}\n")
    return 0


class File(NamedTuple):
    """A file to write: its name, and its rows."""

    name: str
    rows: Rows


def _files(given: argparse.Namespace) -> Iterator[File]:
    data: Path = given.data
    offers, baskets = raw.retail(data)
    cities = raw.cities(data, given.stores)
    follows = raw.follows(data)[: given.follows]
    readers = sorted({name for follow in follows for name in follow})
    manifest = {"title": "Online Retail", "page": "pages/shop/index", "offers": offers}
    programs = [*raw.services(data), {"program_id": "shop", "merchant_id": "shop", "manifest": manifest}]
    yield File("merchants.csv", [_GOVERNMENT, _SHOP])
    yield File("programs.ndjson", [{**row, **row["manifest"], "manifest": None} for row in programs])
    yield File("accounts.csv", [{"account_id": name, "name": name} for name in [*readers, "shop"]])
    yield File("follows.csv", [{"follower_id": follower, "followee_id": followee} for follower, followee in follows])
    yield File("stores.csv", _stores(cities))
    yield File("stock.csv", _stock(offers, len(cities)))
    yield File("plans.csv", [_PLAN])
    yield File("members.csv", raw.profiles(data, readers[: given.orders]))
    yield File("posts.csv", [*_posts(raw.titles(data, given.posts), readers), _SHOP_POST])
    yield File("orders.csv", _orders(islice(cycle(baskets), given.orders), readers, cities))


def _stores(cities: Sequence[City]) -> Iterator[dict[str, Any]]:
    """A store in each city, and the flagship in the largest."""
    places = [("flagship", "flagship", cities[0]), *((f"store-{n}", "store", city) for n, city in enumerate(cities))]
    for location_id, kind, city in places:
        where = {"name": city.name, "latitude": city.latitude, "longitude": city.longitude}
        yield {"location_id": location_id, "merchant_id": "shop", "kind": kind} | where


def _stock(offers: Sequence[Mapping[str, Any]], stores: int) -> Iterator[dict[str, Any]]:
    """Stores have little of every second SKU; the flagship has plenty, but not of everything."""
    for n in range(stores):
        for offer in offers[n % 2 :: 2]:
            yield {"location_id": f"store-{n}", "sku": offer["sku"], "on_hand": 60, "safety_stock": 2}
    for offer in offers[: len(offers) * 9 // 10]:
        yield {"location_id": "flagship", "sku": offer["sku"], "on_hand": 3000, "safety_stock": 0}


def _posts(texts: Sequence[str], readers: Sequence[str]) -> Iterator[dict[str, Any]]:
    for n, text in enumerate(texts):
        yield {"post_id": f"title-{n}", "author_id": readers[n * 7 % len(readers)], "text": text, "program_id": ""}


def _orders(baskets: Iterable[Basket], readers: Sequence[str], cities: Sequence[City]) -> Iterator[dict[str, Any]]:
    for n, basket in enumerate(baskets):
        city = cities[n % len(cities)]
        yield {
            "request_id": f"order-{n}",
            "post_id": _SHOP_POST["post_id"],
            "viewer_id": readers[n % len(readers)],
            "lines": ";".join(f"{sku}:{units}" for sku, units in basket.lines),
            "latitude": city.latitude,
            "longitude": city.longitude,
        }


def write(path: Path, rows: Rows) -> None:
    """Rows as CSV, with the columns of the first one, or as NDJSON."""
    if path.suffix == ".ndjson":
        present = ({name: value for name, value in row.items() if value is not None} for row in rows)
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in present))
        return
    rest = iter(rows)
    first = next(rest)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rest)


if __name__ == "__main__":
    sys.exit(main())
