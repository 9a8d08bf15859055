"""The page of all events: complete, from one file, and harmless whatever a contract says."""

import re
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest

from lutong_contracts import TOPICS, event_types
from tools.docgen.asyncapi import asyncapi
from tools.docgen.events_page import page
from tools.docgen.suite import handled

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DOCUMENT = orjson.loads(asyncapi(handled()))


def test_every_event_and_every_field_is_on_the_page() -> None:
    html = page(DOCUMENT).decode()
    for event in (
        event for event in event_types().values() if event.topic in TOPICS
    ):  # other tests have events of their own
        assert f'id="{event.type}"' in html
        assert all(f"<code>{field}</code>" in html for field in event.model_fields)


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    html = page(DOCUMENT).decode()
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|\son\w+=", html)
    assert all(target.startswith("#") for target in re.findall(r'(?:href|src)="([^"]*)"', html))


def test_text_of_a_contract_is_text_on_the_page() -> None:
    injected = orjson.loads(orjson.dumps(DOCUMENT))
    message = next(iter(injected["components"]["messages"].values()))
    message["payload"]["schema"]["description"] = message["title"] = "<img src=x onerror=alert(1)>"
    assert "<img" not in page(injected).decode()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
def test_a_link_to_an_event_opens_it_in_a_browser(tmp_path: Path) -> None:
    assert CHROMIUM
    file = tmp_path / "events.html"
    file.write_bytes(page(DOCUMENT))
    address = f"{file.as_uri()}#lutong.feed.post-published.v1"
    arguments = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    shown = subprocess.run([*arguments, "--dump-dom", address], capture_output=True, text=True, check=True, timeout=90)
    assert shown.stdout.count("<details open") == 1
