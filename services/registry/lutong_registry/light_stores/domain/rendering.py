"""A store's manifest: a pure function of a template version, the store's row and the merchant's edits.

The same three give the same bytes, on every machine and in every release: what is rendered has the fields that are named
here, and no default of a later manifest. `lutong verify` works it out again on its own (V23).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

Fields = Mapping[str, Any]
"""Fields of a manifest, by name."""

FIELDS: Final = ("title", "description", "page", "keywords", "category", "region")
"""What a template sets, and a row or an edit may set otherwise. What is sold is not among them: offers are by reference."""

PLACEHOLDERS: Final = ("store_id", "store_name", "city", "hours")
_COLUMNS: Final[Mapping[str, str]] = {"store_name": "name"}
"""Placeholders that are named otherwise than the column that they stand for."""

_ABSENT: Final[Fields] = {"description": "", "keywords": []}
"""What a field is that nobody sets; all others are null."""

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_BRACE: Final = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class Row:
    """What a brand sets for one store: `overrides` are fields of its manifest, instead of those of the template."""

    store_id: str
    name: str
    hours: str | None
    city: str | None
    overrides: Fields

    @property
    def values(self) -> Mapping[str, str | None]:
        """What each placeholder stands for."""
        return {"store_id": self.store_id, "store_name": self.name, "city": self.city, "hours": self.hours}


class Wrong(NamedTuple):
    """What is wrong with a row: its column, and a sentence with the remedy. `later`: it may be right in a moment, as it is."""

    column: str
    reason: str
    later: bool = False


def render(template: Fields, row: Row, edits: Fields) -> dict[str, Any]:
    """The manifest of a store: the template with its placeholders filled, then the row's overrides, then the edits.

    >>> row = Row("sh-1", "南京西路店", None, None, {})
    >>> render({"title": "屈臣氏 {store_name}", "page": "shop?store={store_id}", "offers_of": "shop"}, row, {})["title"]
    '屈臣氏 南京西路店'
    """
    filled = {field: _filled(template.get(field), row.values) for field in FIELDS}
    chosen = {field: value for field, value in {**row.overrides, **edits}.items() if field in FIELDS}
    whole = {field: _ABSENT.get(field) if value is None else value for field, value in (filled | chosen).items()}
    return whole | {"offers": [], "offers_of": template.get("offers_of")}


def canonical(document: Fields) -> bytes:
    """A document as bytes: keys in order, no spaces, UTF-8."""
    return orjson.dumps(dict(document), option=orjson.OPT_SORT_KEYS)


def digest_of(manifest: Fields) -> str:
    """What a manifest is recognised by: SHA-256 of its canonical bytes, in hex."""
    return hashlib.sha256(canonical(manifest)).hexdigest()


def lacking(template: Fields, row: Row) -> Wrong | None:
    """The first column that the template needs and the row leaves empty."""
    values = row.values
    for field in FIELDS:
        used = () if field in row.overrides else placeholders(template.get(field))
        for name in used:
            if values.get(name) is None:
                column = _COLUMNS.get(name, name)
                return Wrong(column, f"{column} is empty, and {field} of the template has {{{name}}}: fill it in")
    return None


def placeholders(value: object) -> list[str]:
    """Names between braces in a text, or in the texts of a list."""
    return [name for text in _texts(value) for name in _PLACEHOLDER.findall(text)]


def stray_brace(text: str) -> bool:
    """Whether a brace of a text belongs to no placeholder."""
    return _BRACE.search(_PLACEHOLDER.sub("", text)) is not None


class Difference(NamedTuple):
    """A field of which not all are alike: as the template has it, as the store has it, and as another version has it.

    `taken` is what an upgrade would give the store, `conflict` whether the edit and the new version changed the same field.
    """

    field: str
    base: Any
    store: Any
    new: Any
    taken: Any
    conflict: bool


def three_way(old: Fields, new: Fields, row: Row, edits: Fields) -> list[Difference]:
    """Field by field: base is the render of the old version, the store has its edits, the new version has its own.

    The edit always wins. It is a conflict where the new version changed the field as well, to something else.
    """
    base, store, ahead, taken = (
        render(old, row, {}), render(old, row, edits), render(new, row, {}), render(new, row, edits),
    )  # fmt: skip
    return [
        Difference(
            field, base[field], store[field], ahead[field], taken[field],
            field in edits and base[field] != ahead[field] and ahead[field] != taken[field],
        )
        for field in (*FIELDS, "offers_of")
        if not base[field] == store[field] == ahead[field]
    ]  # fmt: skip


def changed_by_hand(manifest: Fields, program: Fields) -> dict[str, Any]:
    """The fields that a program has otherwise than its store's manifest, as edits that would keep them."""
    return {
        field: program[field]
        for field in FIELDS
        if program.get(field) is not None and program[field] != manifest[field]
    }


def conflicts(old: Fields, new: Fields, row: Row, edits: Fields) -> tuple[str, ...]:
    """Fields that the merchant and the new version both changed: the edit is kept, the brand should know."""
    return tuple(each.field for each in three_way(old, new, row, edits) if each.conflict) if edits else ()


def program_of(template_id: str, store_id: str) -> str:
    """The id of a store's program: the same for the same template and store, and readable as far as an id is long."""
    name = f"{template_id}\0{store_id}".encode()
    return f"{store_id[:40]}.{hashlib.blake2b(name, digest_size=10).hexdigest()}"


def place_in_line(template_id: str, store_id: str) -> int:
    """Where a store stands in the order in which versions reach stores: a hash, so the first ones are of all kinds."""
    name = f"{template_id}\0{store_id}\0line".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1


def _filled(value: object, values: Mapping[str, str | None]) -> Any:  # noqa: ANN401  # a text, a list of them, or nothing
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, str):
        return None
    return _PLACEHOLDER.sub(lambda found: values.get(found[1]) or "", value).strip()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))
