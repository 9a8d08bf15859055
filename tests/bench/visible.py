"""How long it takes until what was decided on a version is seen: in the search, and on a card, while the suite runs.

    python -m tests.bench.visible --stack NAME --programs 100

The stack has to run. Each program is one of its own, with a post; both stay there.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from uuid_utils.compat import uuid7

from lutong_console.targets import Suite, call, suite
from tests.support.harness import until

MERCHANT: Final = "visible-bench"


@dataclass(slots=True)
class Program:
    """A program with its post, and how long each change took to be seen, in ms since it was asked for."""

    client: httpx.AsyncClient
    target: Suite
    name: str
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def live(self) -> None:
        """From its first version until it is forbidden."""
        await self._ask("", "PUT", merchant_id=MERCHANT)
        post = {"author_id": MERCHANT, "text": "新店", "program_id": self.name, "post_id": self.name}
        await call(self.client, "POST", f"{self.target.urls['feed']}/v1/posts", json=post)
        await self._hand_in(1, "admission")
        await self._seen("released", "/versions/1/release", card=lambda card: card["version"] == 1)
        await self._seen("approved", "/versions/1/approval", hits=[1])
        await self._hand_in(2, "approval")
        await self._seen("next_released", "/versions/2/release", [2], lambda card: card["version"] == 2)
        await self._seen("rolled_back", "/versions/2/rollback", [1], lambda card: card["version"] == 1)
        await self._seen("suspended", "/suspension", [], lambda card: card["state"] == "unavailable")
        await self._ask("/suspension", "DELETE")
        await until(lambda: self._is_shown(lambda card: card["state"] == "active"), "the program is back")
        await self._seen("forced_offline", "/versions/1/offline", [], lambda card: card["state"] == "unavailable")

    async def _hand_in(self, number: int, verb: str) -> None:
        manifest = {"title": f"茶馆 {self.name}", "page": f"pages/v{number}"}
        await self._ask("/versions", version=number, manifest=manifest)
        await self._ask(f"/versions/{number}/{verb}")

    async def _ask(self, path: str, method: str = "POST", **body: object) -> None:
        url = f"{self.target.urls['registry']}/v1/programs/{self.name}{path}"
        await call(self.client, method, url, json=body, headers={"lutong-reason": "measured"})

    async def _seen(
        self, name: str, path: str, hits: list[int] | None = None, card: Callable[[Any], bool] | None = None
    ) -> None:
        began = time.perf_counter()
        await self._ask(path, reason="because")
        waits: list[Awaitable[None]] = []
        if hits is not None:
            waits.append(self._timed(f"{name}, search", began, lambda: self._is_found(hits)))
        if card is not None:
            waits.append(self._timed(f"{name}, card", began, lambda: self._is_shown(card)))
        await asyncio.gather(*waits)

    async def _timed(self, name: str, began: float, condition: Callable[[], Awaitable[bool]]) -> None:
        while not await condition():  # noqa: ASYNC110  # an answer over HTTP is no event that could be waited for
            await asyncio.sleep(0.005)  # so exact is the figure
        self.took[name].append(1000 * (time.perf_counter() - began))

    async def _is_found(self, wanted: list[int]) -> bool:
        asked = {"q": f"茶馆 {self.name}"}
        hits = await call(self.client, "GET", f"{self.target.urls['registry']}/v1/search", params=asked)
        return [hit["version"] for hit in hits if hit["program_id"] == self.name] == wanted

    async def _is_shown(self, condition: Callable[[Any], bool]) -> bool:
        post = await call(self.client, "GET", f"{self.target.urls['feed']}/v1/posts/{self.name}")
        return condition(post["card"])


async def measure(target: Suite, programs: int) -> dict[str, Any]:
    """One program after the other; p50 and p99 of each change."""
    took: dict[str, list[float]] = defaultdict(list)
    run = uuid7().hex[-8:]
    async with target.client(60) as client:
        await call(client, "PUT", f"{target.urls['registry']}/v1/merchants/{MERCHANT}", json={"name": "茶馆"})
        author = {"account_id": MERCHANT, "name": "茶馆", "kind": "personal"}
        await call(client, "POST", f"{target.urls['feed']}/v1/accounts/batch", json={"accounts": [author]})
        for number in range(programs):
            program = Program(client, target, f"visible-{run}-{number}", took)
            await program.live()
    figures = {name: _percentiles(sorted(each)) for name, each in took.items()}
    return {"programs": programs, "ms": figures, "load": os.getloadavg()}


def _percentiles(took: list[float]) -> dict[str, float]:
    return {"p50": round(took[len(took) // 2], 1), "p99": round(took[int(len(took) * 0.99)], 1)}


def main() -> None:
    """Measure, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="default")
    parser.add_argument("--programs", type=int, default=100)
    given = parser.parse_args()
    document = asyncio.run(measure(suite(given.stack), given.programs))
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
