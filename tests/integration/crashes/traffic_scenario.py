"""What happens to traffic rewards: visits are reported, page views held, spent, given back, ended and taken back."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from lutong_contracts.traffic import TrafficExpiryDue, TrafficSpendLapsed
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.steps import Meanwhile, Step

_SPEND: Final = {"program_id": "g-1", "placement": "timeline", "pv": 10}
_DAY: Final = "2026-01-01"


def _visit(known: Mapping[str, Any]) -> Command:
    visit = {"visitor_id": "bo", "source": known["code"], "at": datetime.now(UTC).isoformat(), "dwell_s": 60}
    return Command("POST", "/v1/visits/batch", {"visits": [visit]})


TRAFFIC: Final[tuple[Step, ...]] = (
    Command("PUT", "/v1/traffic-sources/qr-1", {"program_id": "g-1", "kind": "store_qr"}),
    _visit,
    Command("POST", "/v1/traffic-rules", {"effective_from": "2099-01-01", "pv_per_uv": 100}),
    Command("PUT", "/v1/traffic-spends/s-1", _SPEND),
    Command("POST", "/v1/traffic-spends/s-1/settlement", {"used": 4}),
    Command("PUT", "/v1/traffic-spends/s-2", _SPEND),
    TrafficSpendLapsed(program_id="g-1", spend_id="s-2"),
    Meanwhile("UPDATE traffic_lot SET expires_at = now() - interval '1 hour'"),
    TrafficExpiryDue(program_id="g-1", day=date.fromisoformat(_DAY)),
    Command("POST", "/v1/programs/g-1/traffic/reversals", {"day": _DAY, "reason": "fraud_found"}),
)
