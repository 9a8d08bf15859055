"""What operators see of a record that was set aside: where it came from, never what it says."""

import pytest

from lutong_chassis.deadletters import Origin, origin_of, shown_key
from lutong_chassis.parking import pack, unpack


@pytest.mark.parametrize("key", ["01a22290-722d", "watsons:sku-1", "订单-7"])
def test_a_key_that_can_be_read_is_shown(key: str) -> None:
    assert shown_key(key.encode()) == key


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (b"\xff\xfe", "<2 bytes, sha256 b2d90823f36e>"),
        (b"\x1b[31mred", "<8 bytes, sha256 "),
        (b"a\nb", "<3 bytes, sha256 "),
        (b"x" * 6000, "<6000 bytes, sha256 "),
        (b"", "<empty>"),
    ],
)
def test_a_key_that_is_no_text_is_described_by_its_size(key: bytes, shown: str) -> None:
    assert (shown_key(key) or "").startswith(shown.partition("b2d9")[0])


def test_no_key_is_none() -> None:
    assert shown_key(None) is None


@pytest.mark.parametrize(
    ("headers", "value", "origin"),
    [
        ([("ce_source", b"/cms"), ("ce_type", b"x.v1")], b"", Origin("/cms", "x.v1")),
        ([("CE_Source", b"/cms")], b"", Origin("/cms", None)),
        ([("ce_source", b"\xff")], b"", Origin("\N{REPLACEMENT CHARACTER}", None)),
        ([("content-type", b"application/cloudevents+json")], b'{"source":"/cms","type":7}', Origin("/cms", None)),
        ([("Content-Type", b"application/cloudevents+json; charset=utf-8")], b"[1]", Origin(None, None)),
        ([("content-type", b"application/cloudevents+json")], b"[" * 5000, Origin(None, None)),
        ([], None, Origin(None, None)),
    ],
)
def test_who_published_a_record_is_read_as_far_as_it_can(
    headers: list[tuple[str, bytes | None]], value: bytes | None, origin: Origin
) -> None:
    assert origin_of(headers, value) == origin


@pytest.mark.parametrize("headers", [[("a", b"\x00\xff"), ("", None)], [("\udcff", b"x")], [("n" * 9000, b"")], []])
def test_headers_of_any_bytes_are_kept(headers: list[tuple[str, bytes | None]]) -> None:
    packed = pack(headers)
    assert packed.isascii()
    assert unpack(packed) == headers
