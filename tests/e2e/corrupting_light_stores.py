"""What may go wrong with light stores, one thing at a time."""

import hashlib
import json
from typing import Any

from tests.e2e.corrupting import Corrupt
from tests.support.looks import Look


def rendered(
    row: dict[str, Any] | None = None, state: str = "approved", **fields: Any
) -> Corrupt:  # whatever a column holds
    """A light store that is what its template makes of it, with changes to its row, its version's state and its manifest."""

    def corrupt(world: Look) -> None:
        body = {
            "title": "屈臣氏 {store_name}",
            "page": "shop?s={store_id}",
            "keywords": ["{city}"],
            "offers_of": "brand",
        }
        manifest = {"title": "屈臣氏 一店", "description": "地铁口", "page": "shop?s=s-1", "keywords": ["上海"],
                    "category": None, "region": None, "offers": [], "offers_of": "brand"}  # fmt: skip
        digest = hashlib.sha256(
            json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        )
        store = {
            "template_id": "t", "store_id": "s-1", "program_id": "s-1.p", "name": "一店", "hours": None, "city": "上海",
            "overrides": "{}", "edits": '{"description": "地铁口"}', "version": 1, "program_version": 2, "attached": True,
            "sha256": digest.hexdigest(),
        }  # fmt: skip
        tables = world.tables["registry"]
        tables["light_template_version"].append(
            {"template_id": "t", "number": 1, "state": state, "body": json.dumps(body)}
        )
        tables["light_store"].append(store | (row or {}))
        if fields.get("number", 2) == store["program_version"]:
            made = {"program_id": "s-1.p", "number": 2, "manifest": json.dumps(manifest | fields)}
            tables["light_version"].append(made)

    return corrupt
