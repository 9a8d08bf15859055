"""A brand's ten thousand light stores: generated with bad rows among them, upgraded with a failure in the canary, edits kept.

    python -m tests.bench.light_stores --stack NAME --stores 10000 --bad 300 --edits 300 --offers 500

The stack has to run. What is published is counted in the registry's outbox: events, and bytes of their values.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import httpx

from lutong_chassis.auth import Principal
from lutong_console.targets import Suite, stack_named, suite
from lutong_registry.light_stores.domain.rendering import place_in_line

Document = dict[str, Any]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs the command line with arguments."""

FIRST: Final[Document] = {
    "title": "屈臣氏 {store_name}",
    "description": "营业时间 {hours}",
    "page": "pages/shop?store={store_id}",
    "keywords": ["屈臣氏", "{city}面膜"],
    "offers_of": "",
}
LONG: Final = "一家名字很长很长很长很长很长很长的店铺"
"""A name that fits four times into no title."""


class Bad(NamedTuple):
    """A bad row for a store `{s}` that is there, and the column that is to blame."""

    row: str
    column: str


BAD: Final = (
    Bad("{t},nowhere-{n},店{n},09:00-22:00,上海,", "store_id"),
    Bad("{t},{s},店{n},nine to five,上海,", "hours"),
    Bad("{t},{s}," + "长" * 79 + ",09:00-22:00,上海,", "name"),
    Bad("{t},{s},店{n},,上海,", "hours"),
    Bad('{t},{s},店{n},09:00-22:00,上海,"{{page"', "overrides"),
    Bad('{t},{s},店{n},09:00-22:00,上海,"{{""page"":""/away""}}"', "overrides"),
    Bad("{t},{s},,09:00-22:00,上海,", "name"),
    Bad("{t},{s},店{n},09:00-22:00,上海", ""),
)


class Sizes(NamedTuple):
    """How many there are of each."""

    stores: int
    bad: int
    edits: int
    offers: int


class Published(NamedTuple):
    """What the registry published: events, and bytes of their values."""

    events: int
    bytes: int


@dataclass
class Walk:
    """A brand's walk through the command line against a running suite; `figures` grows with each step."""

    lutong: Command
    target: Suite
    folder: Path
    brand: str
    sizes: Sizes
    figures: Document = field(default_factory=dict)

    @property
    def template(self) -> str:
        """The brand's template."""
        return f"{self.brand}-light"

    @property
    def _every(self) -> int:
        """How many good rows there are to a bad one."""
        return max(1, self.sizes.stores // max(1, self.sizes.bad))

    def planted(self) -> int:
        """The store that the second version does not fit: among the first 10 % of the line, behind the first 1 %."""
        line = sorted(range(self.sizes.stores), key=lambda n: place_in_line(self.template, self.store(n)))
        return line[self.sizes.stores // 20]

    def store(self, number: int) -> str:
        """The id of a store."""
        return f"{self.brand}-{number:05}"

    def spare(self, number: int) -> str:
        """The id of a store that only a bad row is about."""
        return f"{self.brand}-x{number}"

    def write(self) -> list[tuple[int, str]]:  # a test compares places of problems
        """The files of the brand; gives line and column of each bad row."""
        offers = [
            {"sku": f"sku-{n}", "title": f"面膜 {n}", "unit_price": {"amount_minor": 3900, "currency": "CNY"}}
            for n in range(self.sizes.offers)
        ]
        program = {"program_id": self.brand, "merchant_id": self.brand, "title": "到家", "page": "pages/home"}
        numbers = range(self.sizes.stores)
        stores = [f"{self.store(n)},{self.brand},店{n},{20 + n % 300 / 10},{100 + n % 170 / 10}" for n in numbers]
        stores += [f"{self.spare(n)},{self.brand},店{n},30,110" for n in numbers[:: self._every]]
        self._file("merchants.csv", ["merchant_id,name", f"{self.brand},屈臣氏"])
        self._file("programs.ndjson", [json.dumps(program | {"offers": offers})])
        self._file("stores.csv", ["location_id,merchant_id,name,latitude,longitude", *stores])
        return self._rows()

    def _rows(self) -> list[tuple[int, str]]:  # the same
        lines = ["template_id,store_id,name,hours,city,overrides"]
        planted: list[tuple[int, str]] = []
        long = self.planted()
        for number in range(self.sizes.stores):
            name = LONG if number == long else f"{number}号店"
            lines.append(f"{self.template},{self.store(number)},{name},09:00-22:00,上海,")
            if number % self._every == 0 and len(planted) < self.sizes.bad:
                bad = BAD[len(planted) % len(BAD)]
                planted.append((len(lines) + 1, bad.column))
                lines.append(bad.row.format(t=self.template, n=number, s=self.spare(number)))
        self._file("light-stores.csv", lines)
        return planted

    def _file(self, name: str, lines: list[str]) -> None:
        (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def submit(self, version: int, **changes: Any) -> None:
        """Hand in a version, and have it approved."""
        template = FIRST | {"offers_of": self.brand} | changes
        path = self.folder / f"template-{version}.json"
        path.write_text(json.dumps({"merchant_id": self.brand, "version": version, "template": template}))
        done = self.lutong("light-stores", "submit", str(path), "--template", self.template, "--json")
        assert done.returncode == 0, done.stderr
        asyncio.run(self._ask("POST", f"versions/{version}/approval"))

    def imported(self, *names: str, expect: int = 0) -> Document:
        """Import files; gives the report of the last one."""
        done = self.lutong("import", "--json", *(str(self.folder / name) for name in names), timeout_s=1800)
        assert done.returncode == expect, done.stderr
        found: Document = json.loads(done.stdout)["files"][-1]
        return found

    def applied(self, version: int, expect: int = 0) -> Document:
        """Bring a version to the stores; gives the rollout as it ended."""
        arguments = ("light-stores", "apply", self.template, str(version), "--wait", "0", "--json")
        done = self.lutong(*arguments, timeout_s=1800)
        assert done.returncode == expect, done.stderr
        found: Document = json.loads(done.stdout)
        return found

    def measured(self, name: str, step: Callable[[], Any]) -> Any:  # noqa: ANN401  # what the step gives
        """A step with its time, and what was published in it."""
        before, began = asyncio.run(self.published()), time.monotonic()
        result = step()
        seconds = round(time.monotonic() - began, 1)
        after = asyncio.run(self.published())
        self.figures[name] = {
            "seconds": seconds, "events": after.events - before.events, "bytes": after.bytes - before.bytes,
        }  # fmt: skip
        return result

    async def published(self) -> Published:
        """What the registry published so far, without its audit."""
        connection = await asyncpg.connect(self.target.database_urls["registry"])
        try:
            row = await connection.fetchrow(
                "SELECT count(*) AS events, coalesce(sum(octet_length(payload::text)), 0) AS bytes FROM outbox "
                "WHERE topic <> 'lutong.registry.audit'"
            )
            assert row is not None
            return Published(row["events"], int(row["bytes"]))
        finally:
            await connection.close()

    def edited(self) -> list[int]:
        """Merchants edit some stores, titles and descriptions in turn; gives which."""
        chosen = random.Random(1).sample(range(self.sizes.stores), self.sizes.edits)  # no secret
        asyncio.run(self._edit(chosen))
        return chosen

    async def _edit(self, numbers: list[int]) -> None:
        for number in numbers:
            body = {"edits": {self.edited_field(number): f"我的{number}"}}
            await self._ask("PUT", f"light-stores/{self.store(number)}/edits", body)

    def edited_field(self, number: int) -> str:
        """What is edited of a store."""
        return "description" if number % 2 else "title"

    def kept(self, numbers: list[int]) -> int:
        """How many of these stores have their edit in the version in force."""
        return sum(asyncio.run(self._kept(numbers)))

    async def _kept(self, numbers: list[int]) -> list[bool]:
        found = [await self._ask("GET", f"light-stores/{self.store(number)}") for number in numbers]
        return [
            not each["drifted"] and each["manifest"][self.edited_field(number)] == f"我的{number}"
            for number, each in zip(numbers, found, strict=True)
        ]

    async def _ask(self, method: str, path: str, body: object = None) -> Document:
        async with self.target.client(30) as client:
            url = f"{self.target.urls['registry']}/v1/templates/{self.template}/{path}"
            answer = await client.request(method, url, json=body, headers={"lutong-reason": "as planned"})
            while answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
                answer = await client.request(method, url, json=body, headers={"lutong-reason": "as planned"})
            answer.raise_for_status()
            found: Document = answer.json()
            return found


def walk(lutong: Command, target: Suite, folder: Path, brand: str, sizes: Sizes) -> Document:
    """All of it: generated, upgraded with a failure that stops it, upgraded well with edits kept; gives the figures."""
    brand_walk = Walk(lutong, target, folder, brand, sizes)
    planted = brand_walk.write()
    brand_walk.measured("brand", lambda: brand_walk.imported("merchants.csv", "programs.ndjson"))
    brand_walk.imported("stores.csv")
    brand_walk.submit(1)
    report = brand_walk.measured(
        "generated", lambda: brand_walk.imported("light-stores.csv", expect=int(bool(planted)))
    )
    again = brand_walk.measured("again", lambda: brand_walk.imported("light-stores.csv", expect=int(bool(planted))))
    edited = brand_walk.measured("edited", brand_walk.edited)
    brand_walk.submit(2, title="{store_name} {store_name} {store_name} {store_name} {store_name}")
    stopped = brand_walk.measured("stopped", lambda: brand_walk.applied(2, expect=1))
    brand_walk.submit(3, description="新版 营业时间 {hours}")
    upgraded = brand_walk.measured("upgraded", lambda: brand_walk.applied(3))
    problems = sorted((each["line"], each["column"]) for each in report["problems"])
    return {
        "sizes": sizes._asdict(),
        "rows_taken": report["taken"],
        "rows_rejected": report["rejected"],
        "all_bad_rows_reported": problems == sorted(planted),
        "differences": sorted(set(problems) ^ set(planted))[:20],
        "taken_again": again["taken"],
        "stopped": stopped,
        "upgraded": upgraded,
        "edits_kept": brand_walk.kept(edited),
        "steps": brand_walk.figures,
    }


def main() -> None:
    """Measure, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default="default")
    for name, size in Sizes(10_000, 300, 300, 500)._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=size)
    given = parser.parse_args()
    stack = stack_named(given.stack)
    assert stack, "start it: lutong up --stack NAME"
    brand = f"brand-{int(time.time())}"
    token = stack.signer.token(Principal("light-bench", "merchant", brand), 86_400)

    def lutong(*arguments: str, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
        """As an operator where the brand may not do it itself."""
        own = {"LUTONG_TOKEN": token} if "light-stores.csv" in arguments[-1] else {}
        command = [str(Path(sys.executable).with_name("lutong")), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeout_s,
            env=os.environ | {"LUTONG_STACK": given.stack} | own,
        )  # fmt: skip

    sizes = Sizes(given.stores, given.bad, given.edits, given.offers)
    with tempfile.TemporaryDirectory() as name:
        found = walk(lutong, suite(given.stack), Path(name), brand, sizes)
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
