"""Light stores: V23 each is what its template, its row and its merchant's edits make of it, byte for byte."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lutong_console.verify.joining import Row
from lutong_console.verify.violation import Violation
from lutong_console.verify.world import World

_FIELDS: Final = ("title", "description", "page", "keywords", "category", "region")
_EMPTY: Final[Mapping[str, Any]] = {"description": "", "keywords": []}
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def light_stores_are_rendered(world: World) -> Iterator[Violation]:
    """V23: the program of an attached store has the manifest, and the store the digest, that its template version, its row and
    its edits make; the version was approved. Of a detached store nothing is promised.

    The manifest is worked out anew, by a second implementation of the rule.
    """
    bodies = {
        (row["template_id"], row["number"]): row
        for row in world.select("SELECT * FROM registry.light_template_version")
    }
    stores = world.by(
        "program_id",
        store="SELECT * FROM registry.light_store WHERE attached ORDER BY program_id",
        made="SELECT * FROM registry.light_version ORDER BY program_id",
    )
    for _, of in stores:
        store = of.one("store")
        if store is None:
            continue
        where = f"light store {store['template_id']}:{store['store_id']}"
        template = bodies.get((store["template_id"], store["version"]))
        if template is None or template["state"] != "approved":
            state = template["state"] if template else "absent"
            yield Violation("V23", f"it has version {store['version']} of its template, which is {state}", where)
            continue
        yield from _compared(store, json.loads(template["body"]), of.one("made"), where)


def _compared(store: Row, template: Mapping[str, Any], made: Row | None, where: str) -> Iterator[Violation]:
    manifest = _rendered(store, template)
    if hashlib.sha256(_bytes(manifest)).hexdigest() != store["sha256"]:
        yield Violation("V23", "its digest is not that of what it is made of", where)
    if made is None:
        yield Violation("V23", f"its program has no version {store['program_version']}", where)
        return
    kept = json.loads(made["manifest"])
    for field in sorted({*manifest, *kept}):
        if field not in kept or field not in manifest or kept[field] != manifest[field]:
            yield Violation("V23", f"{field} of its program is not what it is made of", where)


def _rendered(store: Row, template: Mapping[str, Any]) -> dict[str, Any]:
    values = {
        "store_id": store["store_id"],
        "store_name": store["name"],
        "city": store["city"],
        "hours": store["hours"],
    }

    def filled(value: Any) -> Any:  # noqa: ANN401  # JSON
        if isinstance(value, list):
            return [filled(each) for each in value]
        return _PLACEHOLDER.sub(lambda found: values.get(found[1]) or "", value).strip() if value is not None else None

    own = {**json.loads(store["overrides"]), **json.loads(store["edits"])}
    chosen = {field: own.get(field, filled(template.get(field))) for field in _FIELDS}
    whole = {field: _EMPTY.get(field) if value is None else value for field, value in chosen.items()}
    return {**whole, "offers": [], "offers_of": template.get("offers_of")}


def _bytes(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
