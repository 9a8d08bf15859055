"""Whatever JSON comes, in whatever media type and mode: an answer below 500, and no two events become one."""

import base64
from typing import Any, Final

import httpx
import orjson
import pytest

from tests.integration.feed.conftest import client, service

__all__ = ["client", "service"]

POST: Final = "lutong.feed.post-published.v1"
KINDS: Final = (
    "application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson",
    "Application/CloudEvents+JSON; charset=UTF-8",
)  # fmt: skip
DOCUMENTS: Final = {
    "nothing": b"", "blank": b" \n\t ", "null": b"null", "true": b"true", "zero": b"0", "minus zero": b"-0", "huge": b"1e400",
    "long": b"1" * 5000, "tiny": b"1e-400", "text": b'"x"', "unclosed": b'"x', "lone": b'"\\ud800"', "pair": b'"\\ud83d\\ude00"',
    "nul": b'"\\u0000"', "raw nul": b'"\x00"', "raw tab": b'"\t"', "escape": b'"\\x"', "object": b"{}", "array": b"[]",
    "arrays": b"[[]]", "open": b"[", "open object": b"{", "comma": b"[1,]", "commas": b"[,]", "no comma": b"[1 2]",
    "colon": b'{"a":}', "keys": b'{"a":1,"a":2}', "no quotes": b"{a:1}", "single": b"{'a':1}", "comment": b"[1]//x",
    "behind": b"{}{}", "behind array": b"[]]", "nan": b"[NaN]", "infinity": b"[-Infinity]", "hex": b"[0x1]", "plus": b"[+1]",
    "leading zero": b"[01]", "point": b"[1.]", "exponent": b"[1e]", "utf-16": '{"a":"路"}'.encode("utf-16"),
    "utf-16be": "[]".encode("utf-16-be"), "latin-1": b'"\xe9"', "overlong": b'"\xc0\xaf"', "surrogate": b'"\xed\xa0\x80"',
    "bom": b"\xef\xbb\xbf{}", "two boms": b"\xef\xbb\xbf\xef\xbb\xbf[]", "half bom": b"\xef\xbb", "deep": b"[" * 300 + b"]" * 300,
    "deeper": b"[" * 100_000, "deep objects": b'{"a":' * 2000 + b"1" + b"}" * 2000, "form feed": b"[\x0c]", "nbsp": "[\u00a0]".encode(),
    "line separator": '["\u2028"]'.encode(), "empty key": b'{"":0}', "null bytes": b"\x00" * 64, "gbk": '"面膜"'.encode("gbk"),
    "lines": b"{}\r\n[]\n\n1", "carriage": b"{}\r{}",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_no_document_is_a_bug_of_ours(kind: str, client: httpx.AsyncClient) -> None:
    for name, document in DOCUMENTS.items():
        for body in (
            document,
            b'{"specversion":"1.0","id":"a","source":"/s","type":"%s","data":%s}' % (POST.encode(), document),
        ):
            answer = await client.post("/v1/events", content=body, headers={"content-type": kind})
            assert answer.status_code in {200, 422}, (name, answer.text)


@pytest.mark.parametrize("path", ["/v1/posts", "/v1/accounts/batch", "/v1/posts/p/card/taps"])
async def test_no_document_is_a_bug_of_a_command(path: str, client: httpx.AsyncClient) -> None:
    for name, document in DOCUMENTS.items():
        answer = await client.post(path, content=document, headers={"content-type": "application/json"})
        assert answer.status_code < 500, (name, answer.text)


ODD: Final = (
    "%00",
    "%FF",
    "%ED%A0%80",
    "a%2Fb",
    "..%2F..",
    "%E8%B7%AF",
    "x" * 5000,
    "%20",
    "%0A",
    "urn:uuid:1",
    "9" * 40,
    "%F0%9F%8E%89",
)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/posts/{}",
        "/v1/accounts/{}/timeline",
        "/operations/journeys/{}",
        "/operations/parked/{}",
        "/v1/posts/{}/card",
    ],
)
async def test_no_id_in_a_path_is_a_bug_of_ours(path: str, client: httpx.AsyncClient) -> None:
    for odd in ODD:
        answer = await client.get(path.format(odd))
        assert answer.status_code < 500, (odd, answer.text)


@pytest.mark.parametrize(
    "query",
    ["/operations/journeys?of={}", "/operations/journeys/a?key={}", "/operations/parked?limit={}", "/operations/parked?after={}",
     "/operations/parked?reason={}", "/operations/audit?actor={}", "/operations/audit?since={}", "/operations/audit?cursor={}",
     "/v1/accounts/ann/timeline?limit={}", "/v1/accounts/ann/timeline?cursor={}", "/v1/events/rejected?limit={}"],
)  # fmt: skip
async def test_no_parameter_is_a_bug_of_ours(query: str, client: httpx.AsyncClient) -> None:
    for odd in (*ODD, "-1", "0", "9223372036854775808", "1e3", "NaN", ""):
        answer = await client.get(query.format(odd))
        assert answer.status_code < 500, (odd, answer.text)


@pytest.mark.parametrize(
    "header", ["idempotency-key", "lutong-journey", "traceparent", "lutong-request-id", "content-type", "authorization"]
)
async def test_no_header_is_a_bug_of_ours(header: str, client: httpx.AsyncClient) -> None:
    for odd in (b"", b"x" * 5000, b"\xff\xfe", "路".encode(), b"a, b", b"\t", b'"', b"a\x7fb"):
        answer = await client.post("/v1/posts", json={"author_id": "ann", "text": "t"}, headers={header.encode(): odd})
        assert answer.status_code < 500, (odd, answer.text)


def _attributes(**more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "e-1", "source": "/partner/cms", "type": POST, **more}


def _event(post_id: str = "p-1") -> dict[str, str]:
    return {"post_id": post_id, "author_id": "ann", "text": "公积金"}


async def _sent(client: httpx.AsyncClient, body: bytes, **headers: str) -> list[dict[str, Any]]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.post("/v1/events", content=body, headers=names)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def _in_headers(**more: str) -> dict[str, str]:
    return {f"ce_{name}": value for name, value in _attributes(**more).items()} | {"content_type": "application/json"}


async def test_every_legal_form_of_one_event_is_that_event(client: httpx.AsyncClient) -> None:
    data = orjson.dumps(_event())
    structured = orjson.dumps(_attributes(data=_event()))
    coded = orjson.dumps(_attributes(data_base64=base64.b64encode(data).decode()))
    forms = [
        (structured, {"content_type": "application/cloudevents+json"}),
        (structured, {"content_type": "Application/CloudEvents+JSON; charset=utf-8"}),
        (coded, {"content_type": "application/cloudevents+json"}),
        (b"\xef\xbb\xbf" + structured, {"content_type": "application/cloudevents+json"}),
        (b"[" + structured + b"]", {"content_type": "application/cloudevents-batch+json"}),
        (structured + b"\r\n", {"content_type": "application/x-ndjson"}),
        (structured, {"content_type": "application/json"}),
        (data, _in_headers()),
        (b"\xef\xbb\xbf" + data, _in_headers()),
        (data, _in_headers() | {"content_type": "application/json; charset=utf-8"}),
        (data, {name.upper(): value for name, value in _in_headers().items()}),
        (structured, _in_headers(id="other") | {"content_type": "application/cloudevents+json"}),
    ]
    statuses = [result["status"] for body, headers in forms for result in await _sent(client, body, **headers)]
    assert statuses == ["accepted"] + ["duplicate"] * (len(forms) - 1)


async def test_an_empty_batch_has_no_results(client: httpx.AsyncClient) -> None:
    assert await _sent(client, b"[]", content_type="application/cloudevents-batch+json") == []


@pytest.mark.parametrize(
    ("body", "headers", "code", "pointer"),
    [
        (b"{", {}, "bad_bytes", "/data"),
        (b"", {}, "bad_bytes", "/data"),
        (b"[]", {}, "bad_bytes", "/data"),
        (b"[" * 300, {}, "bad_bytes", "/data"),
        (b"{}", {}, "invalid", "/data/post_id"),
        (b"{}", {"ce_specversion": "0.3"}, "bad_header", "/specversion"),
        (
            orjson.dumps({"post_id": "p", "author_id": "ann", "text": "t"}),
            {"ce_time": "20180405"},
            "bad_header",
            "/time",
        ),
        (b"{}", {"ce_type": "com.example.x"}, "unknown_type", "/type"),
    ],
)
async def test_an_event_in_binary_mode_has_its_errors_named(
    body: bytes, headers: dict[str, str], code: str, pointer: str, client: httpx.AsyncClient
) -> None:
    result = (await _sent(client, body, **_in_headers() | headers))[0]
    assert (result["status"], result["code"], result["pointer"]) == ("rejected", code, pointer)


async def test_binary_mode_reads_percent_encoded_headers(client: httpx.AsyncClient) -> None:
    headers = _in_headers(id="%E8%B7%AF-1%20%22")
    assert (await _sent(client, orjson.dumps(_event("p-2")), **headers))[0]["id"] == '路-1 "'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("ce-id", "a"), ("ce-id", "b"), ("content-type", "application/json")], 422),
        ([("ce-id", "%FF"), ("content-type", "application/json")], 422),
        ([("ce-id", "a"), ("content-type", "text/plain")], 415),
        ([("ce-id", "a"), ("content-type", "application/json"), ("content-encoding", "gzip")], 415),
    ],
)
async def test_what_binary_mode_cannot_be_is_refused(
    headers: list[tuple[str, str]], status: int, client: httpx.AsyncClient
) -> None:
    assert (await client.post("/v1/events", content=b"{}", headers=headers)).status_code == status
