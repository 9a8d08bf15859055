"""Prometheus' part: the metrics of four services and of a console every fifteen seconds, and which alerts fire on them."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NoReturn

import httpx
import promql_parser as promql
from prometheus_client.parser import text_string_to_metric_families

from lutong_console.targets import Suite
from tests.support.alerts import ALERTS
from tests.support.promql import SCRAPE_S, Sample, Series, evaluate

Name = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Scraped(Series):
    """A series as it was scraped; where a service did not answer there is no sample."""

    values: dict[int, float] = field(default_factory=dict)

    def samples(self, since_s: float, until_s: float) -> list[Sample]:
        """What was scraped in a span of time."""
        return [Sample(n * SCRAPE_S, value) for n, value in self.values.items() if since_s <= n * SCRAPE_S <= until_s]


@dataclass(slots=True)
class Prometheus:
    """Scrapes, and knows since when each alert's expression holds for each service."""

    suite: Suite
    console_url: str
    series: dict[Name, Scraped] = field(default_factory=dict)
    held_since: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    firing: dict[str, set[str]] = field(default_factory=dict)
    """By alert: the services that it fires for."""
    scrapes: int = 0

    async def run(self) -> NoReturn:
        """Scrape until it is cancelled; a scrape that takes long delays none of those after it."""
        began_s = time.monotonic()
        asked = [(f"{url}/metrics", {"service": name, "job": "lutong"}) for name, url in self.suite.urls.items()]
        asked += [(f"{self.console_url}/invariants/metrics", {"service": "console", "job": "lutong-console"})]
        async with httpx.AsyncClient(timeout=10) as http:
            while True:
                await asyncio.gather(*(self._scrape(http, url, labels) for url, labels in asked))
                self._judge()
                self.scrapes += 1
                await asyncio.sleep(
                    max(0.0, began_s + self.scrapes * SCRAPE_S - time.monotonic())
                )  # until the next one

    async def _scrape(self, http: httpx.AsyncClient, url: str, labels: dict[str, str]) -> None:
        try:
            text = (await http.get(url)).raise_for_status().text
        except httpx.HTTPError:
            self._keep("up", labels, 0.0)
            return
        self._keep("up", labels, 1.0)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._keep(sample.name, sample.labels | labels, sample.value)

    def _keep(self, name: str, labels: dict[str, str], value: float) -> None:
        known = self.series.setdefault((name, tuple(sorted(labels.items()))), Scraped(name, lambda _: 0.0, labels))
        known.values[self.scrapes] = value

    def _judge(self) -> None:
        """Each alert holds for the services that its expression gives, and fires when it held for as long as `for` asks."""
        story = list(self.series.values())
        for name, rule in ALERTS.items():
            found = evaluate(promql.parse(rule["expr"]), story, self.scrapes * SCRAPE_S)
            services = {dict(labels).get("service", "") for labels in found} if isinstance(found, dict) else set()
            since = {service: self.held_since[name].get(service, self.scrapes) for service in services}
            self.held_since[name] = since
            hold_s = promql.parse_duration(rule["for"]).total_seconds() if "for" in rule else 0.0
            self.firing[name] = {service for service, n in since.items() if (self.scrapes - n) * SCRAPE_S >= hold_s}
