"""Stores around the largest cities, what they have, and who wants which basket where. The same for every seed. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import cos, radians
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from lutong_contracts.membership import CreditHeld
from lutong_contracts.values import Line, Money, Place, Units
from tools.datasets import raw
from tools.datasets.raw import Basket, City

MERCHANT: Final = "shop"
_KM_PER_DEGREE: Final = 111.32
_STORE_KM: Final = 8
_BUYER_KM: Final = 10
_LINES_MAX: Final = 4
"""The invoices are of small shops; a basket of a member is so many lines of one."""
_UNITS_MAX: Final = 3
_SHELF_UNITS: Final = 12
_IN_STORE: Final = 0.6
"""What share of all SKUs a store has."""
_BY_FLAGSHIP: Final = 0.95
_PICKUP: Final = 0.2

Json = dict[str, Any]


class Rules(NamedTuple):
    """What a merchant may decide of sourcing: how many locations serve an order, how far stores deliver, how many a day."""

    parts_max: int = 1
    radius_m: int | None = None
    daily_capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """Locations, their shelves, and orders in the order in which they come."""

    locations: Sequence[Json]
    shelves: Sequence[Json]
    orders: Sequence[CreditHeld]


def scene(data: Path, stores: int, orders: int, seed: int = 1) -> Scene:
    """Of the folder of open data (`../shared/data`). Raises `ConsoleError` where files of it are missing."""
    raw.check(data)
    offers, baskets = raw.retail(data)
    rng = Random(seed)  # noqa: S311  # a scene, and no secret
    cities = raw.cities(data, max(1, stores // 5))
    locations = [_location("flagship", "flagship", cities[0], cities[0].name), *_stores(cities, stores, rng)]
    lines = [part for basket in baskets for part in _parts(basket)]
    prices = {offer["sku"]: offer["unit_price"]["amount_minor"] for offer in offers}
    wanted = islice(cycle(lines), orders)
    found = [_order(n, some, prices, cities[n % len(cities)], rng) for n, some in enumerate(wanted)]
    return Scene(
        locations, list(_shelves(locations, sorted({line.sku for order in found for line in order.lines}), rng)), found
    )


def _parts(basket: Basket) -> Iterator[list[Units]]:
    lines = [Units(sku=sku, units=min(units, _UNITS_MAX)) for sku, units in dict(basket.lines).items()]
    for start in range(0, len(lines), _LINES_MAX):
        yield lines[start : start + _LINES_MAX]


def _stores(cities: Sequence[City], count: int, rng: Random) -> Iterator[Json]:
    for number, city in enumerate(islice(cycle(cities), count)):
        yield _location(
            f"store-{number}", "store", _near(city, _STORE_KM, rng), f"{city.name} {number // len(cities) + 1}"
        )


def _location(location_id: str, kind: str, city: City, name: str) -> Json:
    where = {"latitude": city.latitude, "longitude": city.longitude}
    return {"location_id": location_id, "merchant_id": MERCHANT, "kind": kind, "name": name, **where}


def _near(city: City, km: float, rng: Random) -> City:
    """Somewhere around the middle of a city."""
    north, east = rng.gauss(0, km / 2) / _KM_PER_DEGREE, rng.gauss(0, km / 2) / _KM_PER_DEGREE
    longitude = city.longitude + east / cos(radians(city.latitude))
    return City(city.name, round(city.latitude + north, 5), round(longitude, 5))


def _shelves(locations: Sequence[Json], skus: Sequence[str], rng: Random) -> Iterator[Json]:
    """Each store has its own choice of goods; the flagship has most of them, and plenty."""
    for site in locations:
        share, units = (_IN_STORE, _SHELF_UNITS) if site["kind"] == "store" else (_BY_FLAGSHIP, 10_000)
        for sku in rng.sample(skus, round(len(skus) * share)):
            yield {"location_id": site["location_id"], "sku": sku, "on_hand": units}


def _order(number: int, basket: Sequence[Units], prices: dict[str, int], city: City, rng: Random) -> CreditHeld:
    lines = [Line(sku=each.sku, units=each.units, unit_price_minor=prices[each.sku]) for each in basket]
    place = _near(city, _BUYER_KM, rng)
    return CreditHeld(
        order_id=f"basket-{number}",
        agreement_id="replay",
        member_id=f"member-{number}",
        merchant_id=MERCHANT,
        post_id="replay",
        program_id=MERCHANT,
        amount=Money(amount_minor=sum(line.units * line.unit_price_minor for line in lines), currency="EUR"),
        lines=tuple(lines),
        destination=Place(latitude=place.latitude, longitude=place.longitude).coarse(),
        mode="pickup" if rng.random() < _PICKUP else "delivery",
    )
