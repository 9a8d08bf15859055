"""The world that the roads of the demo need: merchants, programs, a plan, stores with stock, and viewers."""

import asyncio
from time import monotonic
from typing import Final

import httpx

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import DEADLINE_S, MERCHANT, UTILITY
from lutong_console.cli.errors import ConsoleError
from lutong_console.targets import Suite, call

_BAD_CREDIT: Final = {"months_known": 3, "late_months": 5, "worst_delay_months": 4, "utilisation_percent": 95}
_GOOD_CREDIT: Final = {"months_known": 36, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 20}


async def build_world(client: httpx.AsyncClient, target: Suite, run: str) -> None:
    """Merchants, programs, a plan, stores with stock, and this run's viewers. Safe to repeat."""

    async def put(service: str, path: str, **body: object) -> None:
        await call(client, "PUT", f"{target.urls[service]}{path}", json=body)

    async def post(service: str, path: str, **body: object) -> None:
        await call(client, "POST", f"{target.urls[service]}{path}", json=body)

    await put("registry", "/v1/merchants/zhejiang", name="浙江省政务服务")
    await put("registry", f"/v1/merchants/{MERCHANT}", name="屈臣氏")
    await put("registry", f"/v1/merchants/{UTILITY}", name="上海水务")
    await post("registry", "/v1/programs/batch", programs=_PROGRAMS)
    await put(
        "membership", "/v1/plans/watsons-light", merchant_id=MERCHANT, title="屈臣氏轻会员", line_limit_minor=100_000
    )
    await put(
        "membership", "/v1/plans/water-light", merchant_id=UTILITY, title="水费先享后付", line_limit_minor=100_000
    )
    for road in ROADS:
        profile = _GOOD_CREDIT if road.good_credit else _BAD_CREDIT
        path = f"/v1/members/{road.letter}-{run}/profile"
        await put("membership", path, **profile, declared_limit_minor=2_000_000)
    await post("inventory", "/v1/locations/batch", locations=[{"merchant_id": MERCHANT, **site} for site in _SITES])
    await post("inventory", "/v1/stock/batch", shelves=_STOCK)
    accounts = [
        ("zheliban", "浙里办", "enterprise"),
        (MERCHANT, "屈臣氏", "enterprise"),
        (UTILITY, "上海水务", "enterprise"),
    ]
    accounts += [(f"{road.letter}-{run}", f"读者{road.letter}", "personal") for road in ROADS]
    named = [{"account_id": key, "name": name, "kind": kind} for key, name, kind in accounts]
    await post("feed", "/v1/accounts/batch", accounts=named)
    await _listings_known(client, target)


async def _listings_known(client: httpx.AsyncClient, target: Suite) -> None:
    """Wait until the registry's releases can be found."""
    began = monotonic()
    while not await call(client, "GET", f"{target.urls['registry']}/v1/search", params={"q": "公积金"}):
        if monotonic() - began > DEADLINE_S:
            raise ConsoleError("the search does not find what was released", then="lutong logs registry")
        await asyncio.sleep(0.02)  # a poll of the condition above


_PROGRAMS: Final = [
    {
        "program_id": "demo-fund",
        "merchant_id": "zhejiang",
        "manifest": {
            "title": "公积金提取",
            "page": "pages/fund/withdraw?from=feed",
            "keywords": ["公积金", "provident fund"],
            "description": "住房公积金提取、贷款、缴存查询",
        },
    },
    {
        "program_id": "demo-watsons",
        "merchant_id": MERCHANT,
        "manifest": {
            "title": "屈臣氏轻会员",
            "page": "pages/shop/index",
            "keywords": ["屈臣氏", "watsons"],
            "offers": [
                {"sku": "mask", "title": "补水面膜", "unit_price": {"amount_minor": 5900, "currency": "CNY"}},
                {"sku": "shampoo", "title": "洗发水", "unit_price": {"amount_minor": 3900, "currency": "CNY"}},
                {"sku": "sunscreen", "title": "防晒霜", "unit_price": {"amount_minor": 8900, "currency": "CNY"}},
                {"sku": "toner", "title": "化妆水", "unit_price": {"amount_minor": 6900, "currency": "CNY"}},
            ],
        },
    },
    {
        "program_id": "demo-water",
        "merchant_id": UTILITY,
        "manifest": {
            "title": "水费缴纳",
            "page": "pages/bill/pay",
            "keywords": ["水费", "water bill"],
            "offers": [
                {
                    "sku": "water-bill",
                    "title": "水费预缴",
                    "unit_price": {"amount_minor": 10_000, "currency": "CNY"},
                    "provided": True,
                }
            ],
        },
    },
]
_SITES: Final = [
    {"location_id": "store-nanjing-west-road", "kind": "store", "name": "屈臣氏 南京西路店", "latitude": 31.2298, "longitude": 121.4585},
    {"location_id": "store-lujiazui", "kind": "store", "name": "屈臣氏 陆家嘴店", "latitude": 31.2397, "longitude": 121.4998},
    {"location_id": "store-xujiahui", "kind": "store", "name": "屈臣氏 徐家汇店", "latitude": 31.1945, "longitude": 121.4372},
    {"location_id": "watsons-flagship", "kind": "flagship", "name": "屈臣氏 官方旗舰店", "latitude": 31.1443, "longitude": 121.8083},
]  # fmt: skip
_STOCK: Final = [
    {"location_id": "store-nanjing-west-road", "sku": "mask", "on_hand": 1000, "safety_stock": 2},
    {"location_id": "store-nanjing-west-road", "sku": "shampoo", "on_hand": 2, "safety_stock": 2},
    {"location_id": "store-lujiazui", "sku": "mask", "on_hand": 1000},
    {"location_id": "store-lujiazui", "sku": "sunscreen", "on_hand": 1000},
    {"location_id": "store-xujiahui", "sku": "sunscreen", "on_hand": 1000},
    {"location_id": "store-xujiahui", "sku": "toner", "on_hand": 1000},
    {"location_id": "watsons-flagship", "sku": "mask", "on_hand": 100_000},
    {"location_id": "watsons-flagship", "sku": "shampoo", "on_hand": 100_000},
    {"location_id": "watsons-flagship", "sku": "toner", "on_hand": 100_000},
]  # fmt: skip
