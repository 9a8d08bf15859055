"""Reading the open data beside the project into what the public interfaces take. Its README describes its traps.

The titles name real people: they are passed on as post texts and never printed.
"""

import csv
import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from lutong_console.cli.errors import USAGE, ConsoleError

OFFERS_MAX: Final = 400
_GOODS: Final = re.compile(r"^\d{4,6}[A-Za-z]{0,2}$")
FILES: Final = (
    "weibo/hot_titles_2023Q1.tsv.gz",
    "graph/lastfm_asia_edges.csv",
    "service/gov_services_apache2.tsv",
    "geo/geonames_cn_15000.csv",
    "retail/online_retail_france.csv.gz",
    "retail/online_retail_germany.csv.gz",
    "credit/pycaret_credit_24000.csv.gz",
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class City:
    """Where a store can be, in WGS-84 degrees."""

    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Basket:
    """What was bought together: (SKU, units), with repetitions as they were."""

    lines: tuple[tuple[str, int], ...]


class Follow(NamedTuple):
    """One reader follows another."""

    follower_id: str
    followee_id: str


def check(folder: Path) -> None:
    """Report which file is missing, before anything is started."""
    for name in FILES:
        if not (folder / name).is_file():
            raise ConsoleError(
                f"{folder / name} is missing: name a folder with the data described in its README", code=USAGE
            )


def titles(folder: Path, count: int) -> list[str]:
    """Short Chinese texts, one per post, spread over the whole file."""
    with gzip.open(folder / FILES[0], "rt", encoding="utf-8") as lines:
        found = [line.rstrip("\n").split("\t", 1)[1] for line in lines]
    return [re.sub(r"[\x00-\x1f\x7f]", " ", title) for title in found[:: max(1, len(found) // count)][:count]]


def follows(folder: Path) -> list[Follow]:
    """The graph made directed: towards the account with more neighbours, as fans follow the famous."""
    with (folder / FILES[1]).open(encoding="utf-8") as lines:
        edges = [(row["node_1"], row["node_2"]) for row in csv.DictReader(lines)]
    degree = Counter(node for edge in edges for node in edge)
    directed = {tuple(sorted(edge, key=lambda node: (degree[node], node))) for edge in edges}
    return sorted(Follow(f"reader-{small}", f"reader-{large}") for small, large in directed if small != large)


def services(folder: Path) -> list[Json]:
    """Government service items as programs: a title that people would search for."""
    programs: dict[str, Json] = {}
    with (folder / FILES[2]).open(encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines, delimiter="\t")):
            title = row["name"].strip()[:80]
            if title and title not in programs:
                programs[title] = {
                    "program_id": f"gov-{number}",
                    "merchant_id": "government",
                    "manifest": {
                        "title": title,
                        "page": f"pages/item/{number}",
                        "description": f"{row['department']} {row['main_item']}"[:2000],
                    },
                }
    return list(programs.values())


def cities(folder: Path, count: int) -> list[City]:
    """The largest cities."""
    with (folder / FILES[3]).open(encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: -int(row["population"]))
    return [City(row["name"], float(row["lat"]), float(row["lon"])) for row in rows[:count]]


def retail(folder: Path) -> tuple[list[Json], list[Basket]]:
    """Offers (the most frequent goods, at their median price) and the baskets that were bought of them."""
    invoices: dict[str, list[tuple[str, int]]] = defaultdict(list)
    prices: dict[str, list[int]] = defaultdict(list)
    titles_of: dict[str, str] = {}
    for row in _retail_lines(folder):
        units, price = int(row["Quantity"]), round(float(row["UnitPrice"]) * 100)
        sku = row["StockCode"].strip()
        if units > 0 and price > 0 and _GOODS.match(sku) and not row["InvoiceNo"].startswith("C"):
            invoices[row["InvoiceNo"]].append((sku, min(units, 10_000)))
            prices[sku].append(price)
            titles_of[sku] = row["Description"].strip()[:80] or sku
    popular = {sku for sku, _ in Counter({sku: len(seen) for sku, seen in prices.items()}).most_common(OFFERS_MAX)}
    offers = [
        {
            "sku": sku,
            "title": titles_of[sku],
            "unit_price": {"amount_minor": sorted(prices[sku])[len(prices[sku]) // 2], "currency": "EUR"},
        }
        for sku in sorted(popular)
    ]
    kept = [Basket(tuple(line for line in lines if line[0] in popular)[:200]) for _, lines in sorted(invoices.items())]
    return offers, [basket for basket in kept if basket.lines]


def _retail_lines(folder: Path) -> Iterator[dict[str, str]]:
    for name in FILES[4:6]:
        with gzip.open(folder / name, "rt", encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines)


def profiles(folder: Path, members: list[str]) -> list[Json]:
    """Credit rows as applicants. Sex, education, marriage and age are left out: they must not decide."""
    with gzip.open(folder / FILES[6], "rt", encoding="utf-8-sig") as lines:
        rows = list(islice(csv.DictReader(lines), len(members)))
    return [_profile(member, row) for member, row in zip(members, rows, strict=False)]


def _profile(member: str, row: dict[str, str]) -> Json:
    delays = [int(float(row[f"PAY_{month}"])) for month in range(1, 7)]
    limit, bill = float(row["LIMIT_BAL"]), float(row["BILL_AMT1"])
    return {
        "member_id": member,
        "months_known": 6,
        "late_months": sum(delay > 0 for delay in delays),
        "worst_delay_months": max(0, *delays),
        "utilisation_percent": min(10_000, max(0, round(100 * bill / limit))),
        "declared_limit_minor": round(limit * 100),
    }
