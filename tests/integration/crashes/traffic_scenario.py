"""What happens to traffic rewards: visits are reported, page views held, spent, given back, ended and taken back."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from lutong_contracts.promotions import PaidSlotsClosed, PaidSlotsShown, SlotShown
from lutong_contracts.registry import ProgramResumed, VersionReleased
from lutong_contracts.traffic import (
    PromotionChanged,
    TrafficExpiryDue,
    TrafficGranted,
    TrafficSettled,
    TrafficSpendLapsed,
)
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.steps import Meanwhile, Step

_SPEND: Final = {"program_id": "g-1", "placement": "timeline", "pv": 10}
_DAY: Final = "2026-01-01"
_NOW: Final = datetime.now(UTC)
_ENDS: Final = _NOW + timedelta(days=3)
_PROMOTION: Final = {"program_id": "g-1", "placement": "home", "pv": 60, "ends_at": _ENDS.isoformat()}
_PROMOTED: Final = {"program_id": "g-1", "placement": "home", "pv": 60, "ends_at": _ENDS}
_AGAIN: Final = "UPDATE traffic_spend SET promotion_id = NULL"
"""The promotion has no allowance any more, and gets another one."""


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
    # promoted in the feed: an allowance, what it showed of it, and the end
    Command("PUT", "/v1/promotions/winter", _PROMOTION),
    PromotionChanged(promotion_id="winter", state="open", **_PROMOTED),
    Meanwhile("UPDATE traffic_spend SET spend_id = 's-3' WHERE promotion_id IS NOT NULL"),
    PaidSlotsShown(program_id="g-1", spend_id="s-3", shown=(SlotShown(viewer_id="cy", served_at=_NOW),)),
    PaidSlotsClosed(program_id="g-1", spend_id="s-3", used=1),
    TrafficSettled(program_id="g-1", spend_id="s-3", used=1),
    Meanwhile(_AGAIN),
    TrafficGranted(program_id="g-1", day=date.fromisoformat(_DAY), rule_id=1, visitors=1, pv=300),
    Meanwhile(_AGAIN),
    ProgramResumed(program_id="g-1"),
    Meanwhile(_AGAIN),
    VersionReleased(program_id="g-1", merchant_id="gov", version=1, title="x", page="pages/x", offers=()),
    Command("POST", "/v1/promotions/winter/end"),
    Meanwhile("UPDATE traffic_lot SET expires_at = now() - interval '1 hour'"),
    TrafficExpiryDue(program_id="g-1", day=date.fromisoformat(_DAY)),
    Command("POST", "/v1/programs/g-1/traffic/reversals", {"day": _DAY, "reason": "fraud_found"}),
)
