"""What a reader finds on a suite that is new: people with accounts, whom they follow, and posts with cards. Safe to repeat."""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Final, NamedTuple

import httpx

from lutong_console.cli.demo.scenarios import DEADLINE_S, MERCHANT
from lutong_console.cli.demo.world import build_world
from lutong_console.cli.errors import ConsoleError
from lutong_console.reader.people import PEOPLE
from lutong_console.targets import Suite, call

_TIMEOUT_S: Final = 20.0
_RUN: Final = "reader"


class Story(NamedTuple):
    """A post: its id stays, so that a suite that stays up has it once."""

    post_id: str
    author_id: str
    text: str
    program_id: str | None = None


_PUSH: Final = {"program_id": "demo-watsons", "title": "换季护肤周", "text": "补水面膜满百减十，门店可自提。"}
_HANDED_IN: Final = 409

STORIES: Final = (
    Story("reader-park", "zheliban", "西湖边的梧桐黄了，周末游客较多，建议公共交通出行。"),
    Story(
        "reader-masks",
        "watsons",
        "换季护肤：补水面膜、洗发水，先享后付，附近门店半小时送达，也可到店自提。",
        "demo-watsons",
    ),
    Story("reader-fund", "zheliban", "住房公积金新政策今天起施行：提取材料减半，租房提取额度提高。点开卡片就能办。"),
)


async def build(target: Suite) -> None:
    """Have the demo's shops, three people who follow them, and three posts."""
    async with target.client(_TIMEOUT_S) as client:
        await build_world(client, target, _RUN)
        accounts: list[dict[str, str]] = [
            {"account_id": MERCHANT, "name": "屈臣氏", "kind": "enterprise", "merchant_id": MERCHANT},
            *({"account_id": person.account_id, "name": person.name} for person in PEOPLE.values()),
        ]
        await call(client, "POST", f"{target.urls['feed']}/v1/accounts/batch", json={"accounts": accounts})
        profiles = [
            {
                "member_id": person.account_id,
                "months_known": person.months_known,
                "late_months": person.late_months,
                "worst_delay_months": person.late_months,
                "utilisation_percent": person.utilisation_percent,
                "declared_limit_minor": 2_000_000,
            }
            for person in PEOPLE.values()
        ]
        await call(
            client, "POST", f"{target.urls['membership']}/v1/members/profiles/batch", json={"profiles": profiles}
        )
        authors = sorted({story.author_id for story in STORIES})
        follows = [{"follower_id": reader, "followee_id": author} for reader in PEOPLE for author in authors]
        await call(client, "POST", f"{target.urls['feed']}/v1/follows/batch", json={"follows": follows})
        for story in STORIES:
            with suppress(ConsoleError):  # it is there from the last time
                await call(client, "POST", f"{target.urls['feed']}/v1/posts", json=story._asdict())
        await _push(client, f"{target.urls['registry']}/v1/life-accounts/{MERCHANT}")


async def _push(client: httpx.AsyncClient, account: str) -> None:
    """A push of the shop to who follows it: the same one again takes no second place."""
    began = monotonic()
    while True:
        try:
            await call(client, "PUT", f"{account}/pushes/reader-autumn", json=_PUSH)
            break
        except ConsoleError as error:
            if error.status == _HANDED_IN:
                return
            if monotonic() - began > DEADLINE_S:
                raise
        await asyncio.sleep(0.05)  # a poll until the registry knows the account and its program
    await call(client, "POST", f"{account}/pushes/reader-autumn/submission", json={})
