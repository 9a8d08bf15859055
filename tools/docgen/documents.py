"""Every generated document of the checkout, and what it must contain."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lutong_console.subscriptions import HANDLED
from lutong_contracts import event_types
from lutong_contracts.schema import schema
from lutong_contracts.version import VERSION
from tools.docgen import (
    asyncapi,
    dashboards,
    events_page,
    importing_page,
    objectives,
    routes_page,
    settings_page,
    state_machines,
    subscriptions,
    versions,
)
from tools.docgen.flow import page as flow_page
from tools.docgen.suite import handled

ROOT: Final = Path(__file__).parents[2]
SCHEMAS: Final = ROOT / "libs" / "contracts" / "lutong_contracts" / "schemas"

_DOCS: Final = ROOT / "docs"
_DASHBOARDS: Final = ROOT / "deploy" / "grafana" / "dashboards"


def documents() -> dict[Path, bytes]:
    """By path, the bytes that the code gives. Files with generated places keep the text around these."""
    found = handled()
    described = asyncapi.asyncapi(found)
    machines = _DOCS / "membership.md"
    importing = _DOCS / "importing.md"
    promised = _DOCS / "objectives.md"
    return {
        **{SCHEMAS / f"{event.type}.json": _pretty(schema(event)) for event in event_types().values()},
        **{_DASHBOARDS / name: content for name, content in dashboards.rendered().items()},
        **{path: versions.stated(path, VERSION) for path in versions.places(ROOT)},
        HANDLED: subscriptions.document(found),
        machines: state_machines.drawn(machines.read_text(encoding="utf-8")).encode(),
        importing: importing_page.described(importing.read_text(encoding="utf-8")).encode(),
        promised: objectives.described(promised.read_text(encoding="utf-8")).encode(),
        ROOT / "deploy" / "prometheus" / "objectives.yml": objectives.rules(),
        _DOCS / "asyncapi.json": described,
        _DOCS / "events.html": events_page.page(json.loads(described)),
        _DOCS / "flow.md": flow_page.page(ROOT).encode(),
        _DOCS / "routes.md": routes_page.page().encode(),
        _DOCS / "settings.md": settings_page.page().encode(),
    }


def out_of_date(wanted: Mapping[Path, bytes]) -> list[str]:
    """Paths, from the root of the checkout, of files that are missing or have other content, or should be gone."""
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_bytes() != content]
    return sorted(path.relative_to(ROOT).as_posix() for path in (*stale, *superfluous(wanted)))


def superfluous(wanted: Mapping[Path, bytes]) -> set[Path]:
    """Schemas of event types that no longer exist."""
    return set(SCHEMAS.glob("*.json")) - wanted.keys()


def _pretty(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
