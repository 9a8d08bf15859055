"""`make bench PART=road`: taps, reads and whole roads of the suite as shipped, the same by hand, and an older commit (BASE=REF)."""

import asyncio
import io
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

import asyncpg

from lutong_chassis.testing import create_database
from lutong_local.ports import free_port
from lutong_local.stack import Stack, load
from tests.bench.road import byhand, scene, seen
from tests.bench.road.clients import Ask, Load
from tests.bench.road.processes import run_clients
from tests.bench.road.rising import loads, rise
from tests.bench.runs import cpu_s

ROOT: Final = Path(__file__).parents[3]
_PACKAGES: Final = (
    "libs/contracts", "libs/chassis", "libs/client", "deploy/local", "services/feed", "services/registry", "services/membership",
    "services/inventory", "services/console",
)  # fmt: skip
OVERLOAD: Final = 5
OVERLOAD_CONNECTIONS: Final = 768
"""More than are admitted at once, so that requests are refused and do not only wait for a connection of ours."""

_PIECES: Final = ("feed", "registry", "membership", "inventory", "postgres", "kafka")


@contextmanager
def suite(directory: Path, checkout: Path | None = None) -> Iterator[Stack]:
    """The suite of this checkout, or of another one, until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    there = os.pathsep.join(str(checkout / package) for package in _PACKAGES) if checkout else ""
    environment = os.environ | ({"PYTHONPATH": there} if there else {})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.road.suite", str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=ROOT, env=environment,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", f"the suite did not start: see {directory}"
        running = load(directory)
        assert running is not None
        yield running
    finally:
        process.communicate()


@contextmanager
def by_hand(running: Stack) -> Iterator[int]:
    """The endpoints by hand, on the same PostgreSQL; gives their port."""
    url = asyncio.run(_own_database(running))
    port = free_port()
    variables = {"BYHAND_URL": url, "FEED_URL": running.database_urls["feed"], "BYHAND_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.road.byhand"], cwd=ROOT, env=os.environ | variables)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


async def _own_database(running: Stack) -> str:
    url = await create_database(running.admin_url, "byhand")
    connection = await asyncpg.connect(url)
    await connection.execute(byhand.TABLES)
    await connection.close()
    return url


def _wait_for(port: int) -> None:
    began = monotonic()
    while monotonic() - began < 180:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        sleep(0.05)  # a poll of the condition above
    raise RuntimeError("the endpoints by hand did not start")


class Endpoint(NamedTuple):
    """What is asked in turns, and of whom."""

    what: str
    port: int
    asks: Sequence[Ask]


def endpoints(running: Stack, viral: str, port: int) -> list[Endpoint]:
    """Ours, and those by hand at a port, in the order of their turns."""
    ours, page, reports = running.ports["feed"], f"?limit={byhand.PAGE}", seen.reports(running, viral)
    return [
        Endpoint("tap, one post", ours, [Ask("POST", f"/v1/posts/{viral}/card/taps", scene.TAP)]),
        Endpoint("by hand, one post, insert", port, [Ask("POST", f"/insert/{viral}", scene.TAP)]),
        Endpoint("by hand, one post, hot row", port, [Ask("POST", f"/hot/{viral}", scene.TAP)]),
        Endpoint("impressions, one post, by hundreds", ours, reports),
        Endpoint("by hand, one post, a hundred", port, [each._replace(path="/seen") for each in reports]),
        Endpoint("tap, 10,000 posts", ours, [Ask("POST", "/v1/posts/post-{m}/card/taps", scene.TAP)]),
        Endpoint("read a post", ours, [Ask("GET", "/v1/posts/post-{m}")]),
        Endpoint("by hand, read", port, [Ask("GET", "/posts/post-{m}")]),
        Endpoint("read a timeline", ours, [Ask("GET", f"/v1/accounts/viewer-{{n}}/timeline{page}")]),
        Endpoint("by hand, timeline", port, [Ask("GET", "/accounts/viewer-{n}/timeline")]),
    ]


def taps_and_reads(running: Stack, viral: str, share: float, *, only: str = "") -> list[dict[str, Any]]:
    """Each endpoint at its peak, ours and by hand turn by turn; the medians of three rounds are what the rows show. `only`: those called so."""
    token, rows, first = scene.token(running), list[dict[str, Any]](), 0
    with by_hand(running) as port:
        wanted = [each for each in endpoints(running, viral, port) if only in each.what]
        for _ in range(3):
            for each in wanted:
                viewers = scene.TIMELINES if "timeline" in each.what else scene.VIEWERS
                load = Load(each.port, each.asks, token, duration_s=8 * share, first=first, viewers=viewers)
                rows.append({"what": each.what, **run_clients(load)})
            first += max(row["asked"] for row in rows)
    return rows


def roads(running: Stack, viral: str, orders: int) -> dict[str, Any]:
    """Whole roads: requests as fast as they are taken, every step, until all are captured. CPU by process, in ms per road.

    A tenth as many go first: what a process does once is not a road's.
    """
    load = Load(running.ports["feed"], [scene.order(viral)], scene.token(running))
    first = run_clients(load._replace(requests=orders // 10))["good"]
    asyncio.run(scene.fulfil(running, first))
    before = {name: cpu_s(running.children[name].pid) for name in _PIECES}
    began = monotonic()
    asked = run_clients(load._replace(requests=orders, first=orders // 10))
    asyncio.run(scene.fulfil(running, first + asked["good"]))
    taken_s = monotonic() - began
    spent = {name: 1000 * (cpu_s(running.children[name].pid) - used) / orders for name, used in before.items()}
    return {
        "roads_per_s": round(asked["good"] / taken_s, 1), "requests_per_s": asked["per_s"], "refused": orders - asked["good"],
        "cpu_ms": round(sum(spent.values()), 2), **{f"cpu_ms_{name}": round(ms, 2) for name, ms in spent.items()},
    }  # fmt: skip


def overloaded(running: Stack, viral: str, share: float) -> dict[str, Any]:
    """Taps at five times their peak, by a clock that waits for nobody: how much good is done, of the peak."""
    tap = Load(running.ports["feed"], [Ask("POST", f"/v1/posts/{viral}/card/taps", scene.TAP)], scene.token(running))
    seconds = 10 * share
    peak = run_clients(tap._replace(duration_s=seconds))
    asked = run_clients(
        tap._replace(duration_s=2 * seconds, connections=OVERLOAD_CONNECTIONS, rate=OVERLOAD * peak["per_s"])
    )
    after = run_clients(tap._replace(duration_s=seconds, rate=peak["per_s"] / 2))
    return {
        "peak_per_s": peak["per_s"], "asked": asked["asked"], "statuses": asked["statuses"], "p99_ms": asked["p99_ms"],
        "goodput_of_peak": round(asked["per_s"] / peak["per_s"], 2),
        "good_afterwards": round(after["good"] / max(1, after["asked"]), 3),
    }  # fmt: skip


def median(rows: list[dict[str, Any]], what: str, figure: str = "per_s") -> float:
    """The middle one of a figure's repetitions."""
    found = sorted(row[figure] for row in rows if row["what"] == what)
    return float(found[len(found) // 2])


def road(stack: Stack, share: float) -> dict[str, Any]:
    """Everything, of this checkout and of BASE, if that is given."""
    orders = max(100, int(2_000 * share))
    with suite(scene.folder(stack.directory, "here")) as running:
        viral = scene.arranged(running, scene.MEMBERS)
        rows = taps_and_reads(running, viral, share)
        here = roads(running, viral, orders)
        over = overloaded(running, viral, share)
        rising = {name: rise(running, asks, share) for name, asks in loads(viral).items()}
    found: dict[str, Any] = {
        "endpoints": rows,
        "road": here,
        "overload": over,
        **{f"rising {name}": rows for name, rows in rising.items()},
    }
    if base := os.environ.get("BASE"):
        with (
            _checkout(stack.directory / "base", base) as there,
            suite(scene.folder(stack.directory, "base"), there) as older,
        ):
            found["base"] = {"commit": base} | roads(older, scene.arranged(older, scene.MEMBERS), orders)
    found["line"] = _line(found)
    return found


@contextmanager
def _checkout(directory: Path, commit: str) -> Iterator[Path]:
    """The files of a commit, beside this checkout's."""
    directory.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    yield directory


def _line(found: dict[str, Any]) -> str:
    here, rows = found["road"], found["endpoints"]
    base = f"{here['roads_per_s'] / found['base']['roads_per_s']:.1f} times BASE, " if "base" in found else ""
    tap = median(rows, "tap, one post") / median(rows, "by hand, one post, insert")
    seen_at_once = median(rows, "impressions, one post, by hundreds") / median(rows, "by hand, one post, a hundred")
    read = median(rows, "read a post") / median(rows, "by hand, read")
    page = median(rows, "read a timeline") / median(rows, "by hand, timeline")
    return (
        f"bench road: {here['roads_per_s']:.0f} roads/s, {here['cpu_ms']:.1f} ms CPU per road, {base}"
        f"tap {tap:.2f} of the endpoint by hand, a hundred impressions {seen_at_once:.2f}, read {read:.2f}, timeline {page:.2f}, goodput at {OVERLOAD} times the peak {found['overload']['goodput_of_peak']:.2f}"
    )
