"""Every route of every service, given typical bad requests: each refusal says in a sentence what to do, in our words."""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from lutong_chassis.testing import a_member, bearer
from tests.integration.security.callers import ANN, DONE_BY_THE_MEMBER
from tests.integration.security.conftest import WorldOf
from tests.integration.security.matrix import SERVICES
from tests.integration.security.world import Asked, World
from tests.unit.contracts.test_sentences import RAW

NAMES = list(SERVICES)
JSON = {"content-type": "application/json"}
WRITES = ("POST", "PUT", "PATCH")
OWN_FORMATS = "/v1/events"
"""Takes CloudEvents in several formats: what is wrong with it is told per event."""


def changed(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """A body with one thing wrong with it, and what that is."""
    yield "a list", []
    yield "a text", "x"
    yield "nothing in it", {}
    yield "an unknown field", body | {"colour_of_the_sky": 1}
    for name in body:
        yield f"a misspelt {name}", {f"{key}s" if key == name else key: value for key, value in body.items()}
        yield f"no {name}", {key: value for key, value in body.items() if key != name}
        odd: dict[str, object] = {
            "null": None, "a list": [[]], "an object": {"?": 1}, "a huge number": 10**30, "a fraction": 0.5,
            "a long text": "x" * 10_000, "an odd text": "\u001b[2J ", "true": True, "an empty text": "",
        }  # fmt: skip
        for what, value in odd.items():
            yield f"{name} is {what}", body | {name: value}


def unreadable() -> Iterator[tuple[str, bytes, dict[str, str], int, str]]:
    """A body that is no document: what, bytes, headers, and the status and words that must answer it."""
    yield "another type", b"{}", {"content-type": "text/plain"}, 415, "application/json (yours: text/plain)"
    yield "no type", b"{}", {}, 415, "application/json (yours: none)"
    yield "a form", b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415, "send a JSON object"
    yield "compressed", gzip.compress(b"{}"), JSON | {"content-encoding": "gzip"}, 415, "compressed bodies"
    yield "cut off", b'{"text": ', JSON, 400, "it is not JSON: unexpected end at character"
    yield "not JSON", b"{'a': 1}", JSON, 400, "it is not JSON"
    yield "not UTF-8", "{公}".encode("gbk"), JSON, 400, "it is not UTF-8"
    yield "too deep", b"[" * 100_000 + b"]" * 100_000, JSON, 400, "nested too deep"
    yield "a long number", b'{"a": ' + b"1" * 5_000 + b"}", JSON, 400, "a number that is too long"


def complaint(answer: httpx.Response) -> str | None:
    """What is wrong with a refusal, if it is one and something is."""
    if answer.is_success:
        return None
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text}"
    document = answer.json()
    raw = RAW.search(answer.text)
    if raw:
        return f"{raw[0]!r} in {answer.text[:300]}"
    if not document["detail"] or not document["type"].startswith("urn:lutong:problem:"):
        return f"no sentence: {answer.text}"
    unsaid = [error for error in document.get("errors", []) if not error["detail"] or error["pointer"][:1] != "/"]
    return f"no place: {unsaid}" if unsaid else None


class Good(NamedTuple):
    """A route that takes a body: its method, a good request, and the headers of who may ask (staff, if they may)."""

    route: str
    method: str
    asked: Asked
    who: dict[str, str]


async def commands(world: World, name: str) -> list[Good]:
    """Every route of a service that takes a body. Who may not ask is refused before the body is looked at."""
    return [
        Good(route, route.split()[0], await make(world), bearer(a_member(ANN)) if row == DONE_BY_THE_MEMBER else {})
        for route, (row, make) in SERVICES[name][1].items()
        if route.split()[0] in WRITES and OWN_FORMATS not in route
    ]


@pytest.mark.parametrize("name", NAMES)
async def test_a_bad_body_is_refused_in_our_own_words(name: str, world_of: WorldOf) -> None:
    world, found, tried = await world_of(name), [], 0
    for route, method, asked, who in await commands(world, name):
        if not isinstance(asked.body, dict):
            continue
        for what, body in changed(asked.body):
            content = json.dumps(body).encode()
            answer = await world.admin.request(method, asked.path, content=content, headers=JSON | who)
            tried += not answer.is_success
            if complaint_ := complaint(answer):
                found.append(f"{route}, {what}: {complaint_}")
    assert found == []
    assert tried > 100


@pytest.mark.parametrize("name", NAMES)
async def test_a_misspelt_field_is_answered_with_the_likely_one(name: str, world_of: WorldOf) -> None:
    world, tried = await world_of(name), 0
    for route, method, asked, who in await commands(world, name):
        for field in asked.body if isinstance(asked.body, dict) else ():
            body = {f"{key}s" if key == field else key: value for key, value in asked.body.items()}
            answer = await world.admin.request(method, asked.path, json=body, headers=who)
            assert answer.status_code == 422, route
            detail = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}[f"/body/{field}s"]
            assert detail == f"{field}s is not a field: did you mean {field}?", route
            tried += 1
    assert tried > 5


@pytest.mark.parametrize("name", NAMES)
async def test_a_body_that_is_no_document_is_explained(name: str, world_of: WorldOf) -> None:
    world, tried = await world_of(name), 0
    for route, method, asked, who in await commands(world, name):
        if not isinstance(asked.body, dict):
            continue
        for what, content, headers, status, words in unreadable():
            answer = await world.admin.request(method, asked.path, content=content, headers=headers | who)
            assert (answer.status_code, words in answer.json()["detail"]) == (status, True), (
                f"{route}, {what}: {answer.text}"
            )
            tried += 1
        missing = await world.admin.request(method, asked.path, headers=JSON | who)
        assert (missing.status_code, complaint(missing)) == (422, None) or missing.is_success, (
            f"{route}: {missing.text}"
        )
    assert tried > 20


@pytest.mark.parametrize("name", NAMES)
async def test_a_bad_path_or_query_is_refused_in_our_own_words(name: str, world_of: WorldOf) -> None:
    world, found, tried = await world_of(name), [], 0
    for route, (_, make) in SERVICES[name][1].items():
        method, asked = route.split()[0], await make(world)
        bare = asked.path.partition("?")[0]
        ends = [route.index(part) for part in re.findall(r"\{\w+\}", route)]
        odd = [
            re.sub(r"\{\w+\}", word, route.split()[1]) for word in ("%20", "x" * 65, "%E5%85%AC", "0", "-1", "a%00b")
        ]
        paths = [*(odd if ends else []), f"{bare}?limit=many", f"{bare}?limit=0", f"{bare}?cursor={'x' * 500}",
                 f"{bare}?since=yesterday", f"{bare}?q=&page=-1&limit=10000000", f"{bare}?dry_run=perhaps"]  # fmt: skip
        for path in paths:
            answer = await world.admin.request(method, path, json=asked.body)
            tried += not answer.is_success
            if complaint_ := complaint(answer):
                found.append(f"{method} {path}: {complaint_}")
    assert found == []
    assert tried > 20


async def test_negative_control_pydantics_own_words_are_found(
    world_of: WorldOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await world_of("feed")
    monkeypatch.setattr("lutong_contracts.sentences._sentence", lambda error, *_: error["msg"])
    answer = await world.admin.post("/v1/posts", json={"text": 7})
    assert complaint(answer) is not None


async def test_every_unreadable_body_has_one_type(world_of: WorldOf) -> None:
    world = await world_of("feed")
    kinds = {
        (await world.admin.post("/v1/posts", content=content, headers=headers)).json()["type"]
        for _, content, headers, status, _ in unreadable()
        if status == 400
    }
    assert kinds == {"urn:lutong:problem:not_json"}
