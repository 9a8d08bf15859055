"""`python -m tests.bench.tailing`: 5,000 events a second for a minute past one page that follows all topics.

The console is a process of its own, so that its memory is its own; the page is one of Debian's Chromium. What is published goes to a topic that no
service consumes. Prints JSON: what was published, what the page lost, and the memory of both at the beginning and at the end.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer
from playwright.sync_api import CDPSession, Page, sync_playwright

from lutong_local.stack import Stack
from tests.support.stacks import a_stack
from tests.support.web_console import CHROMIUM, QUIET

RESULTS: Final = Path(__file__).parent / "results" / "tailing.json"
TOPIC: Final = "lutong.registry.pushes"
_LUTONG: Final = Path(sys.executable).with_name("lutong")
_TICK_S: Final = 0.1
_SAMPLES: Final = 12
_EVENT: Final = {"push_id": "p-1", "account_id": "shop", "followers": ["ann"], "text": "x" * 300}


def publish(producer: Producer, per_s: int, lasts_s: float) -> int:
    """Publish at a steady rate, and give how many were taken by Kafka."""
    value, sent, began = json.dumps(_EVENT).encode(), 0, time.monotonic()
    headers: dict[str, str | bytes | None] = {
        "ce_specversion": "1.0",
        "ce_source": "/bench",
        "ce_type": "lutong.registry.push-delivered.v1",
    }
    while (passed := time.monotonic() - began) < lasts_s:
        while sent < passed * per_s:
            producer.produce(TOPIC, value, key=f"p-{sent % 64}".encode(), headers=headers | {"ce_id": f"b-{sent}"})
            sent += 1
        producer.poll(0)
        time.sleep(max(0.0, _TICK_S - (time.monotonic() - began - passed)))  # the pace of the load
    left: int = producer.flush(60)
    return sent - left


def memory_mb(pid: int) -> float:
    """What a process has resident."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return round(int(found[1]) / 1024, 1) if found else 0.0


def of_the_page(page: Page, cdp: CDPSession) -> dict[str, Any]:
    """What the page has: rows, nodes, the heap of its scripts, and how much it lost."""
    cdp.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in cdp.send("Performance.getMetrics")["metrics"]}
    lost = re.search(r"\d+", page.locator("#dropped").inner_text() or "0")
    return {
        "rows": page.locator("#records tbody tr").count(),
        "nodes": int(metrics["Nodes"]),
        "heap_mb": round(metrics["JSHeapUsedSize"] / 1e6, 1),
        "lost": int(lost[0]) if lost else 0,
    }


def measure(stack: Stack, per_s: int, lasts_s: float) -> dict[str, Any]:
    """One page while so much is published."""
    environment = os.environ | {"LUTONG_HOME": str(stack.directory.parent), "LUTONG_STACK": stack.directory.name}
    command = [str(_LUTONG), "console", "--port", "0", "--json"]
    console = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # our own
    try:
        assert console.stdout
        url = json.loads(console.stdout.readline())["url"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
            page = browser.new_page(locale="en-GB")
            page.goto(url)
            page.get_by_role("main").get_by_role("button", name="Sign in").click()
            page.goto(f"{url.partition('/sign-in')[0]}/tail")
            cdp = page.context.new_cdp_session(page)
            cdp.send("Performance.enable")
            producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "linger.ms": 20})
            publish(producer, 500, 5)  # what is made once is made now
            page.wait_for_timeout(2_000)
            before = {"page": of_the_page(page, cdp), "console_mb": memory_mb(console.pid)}
            began = time.monotonic()
            taken, grown = 0, []
            for _ in range(_SAMPLES):
                taken += publish(producer, per_s, lasts_s / _SAMPLES)
                grown.append(memory_mb(console.pid))
            took_s = time.monotonic() - began
            page.wait_for_timeout(5_000)  # the last frames
            after = {"page": of_the_page(page, cdp), "console_mb": memory_mb(console.pid)}
            began = time.monotonic()
            page.get_by_role("button", name="Pause").click()
            click_s = time.monotonic() - began
            browser.close()
        found = {"published": taken, "per_s": round(taken / took_s), "before": before, "after": after}
        return found | {"console_mb": grown, "click_s": round(click_s, 2)}
    finally:
        console.terminate()
        console.wait(20)


def main() -> None:
    """Measure, print and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-s", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("there is no chromium on the path: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="lutong-tailing-") as folder, a_stack(Path(folder) / "tail") as stack:
        found = {"at": time.strftime("%Y-%m-%d")} | measure(stack, options.per_s, options.seconds)
    text = json.dumps(found, indent=2) + "\n"
    RESULTS.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
