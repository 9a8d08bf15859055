"""What happens to the feed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lutong_contracts import Event
from lutong_contracts.feed import (
    CardTapped,
    Interaction,
    InteractionsReported,
    PostPublished,
    ServiceSolved,
)
from lutong_contracts.gray import Audience
from lutong_contracts.hosts import CapabilitiesChanged, HostCapability, HostChanged, HostRegistered, HostRetired, Needs
from lutong_contracts.inventory import (
    LocationChanged,
    LocationClosed,
    LocationOpened,
    LocationPaused,
    OrderRefunded,
    OrderRejected,
    OrderSourced,
    StockBandChanged,
    StockDepleted,
    StockRestored,
)
from lutong_contracts.membership import (
    AccountBound,
    AccountUnbound,
    AgreementFulfilled,
    AgreementQuit,
    AgreementSettled,
    AgreementSigned,
    AgreementUnfulfilled,
    CreditDeclined,
    PlanClosed,
    PlanPublished,
)
from lutong_contracts.promotions import PaidSlotsDue
from lutong_contracts.registry import (
    ProgramResumed,
    ProgramSuspended,
    ServiceDiscovered,
    ServiceNotFound,
    VersionApproved,
    VersionForcedOffline,
    VersionGrayed,
    VersionGrayStopped,
    VersionHosted,
    VersionReleased,
    VersionRolledBack,
    VersionUnhosted,
)
from lutong_contracts.timelines import (
    DraftDue,
    FanOutAsked,
    FollowMoved,
    TierChanged,
    TimelineFilled,
    TimelineOpened,
    TimelineUnread,
)
from lutong_contracts.touches import Served
from lutong_contracts.traffic import PromotionChanged, TrafficReserved
from lutong_contracts.values import Line, Money, Offer
from lutong_feed.touches.domain import Keys
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.shared import AMAP, CHARGE, PLAN, STORE
from tests.integration.crashes.steps import Meanwhile, Step
from tests.support.builders import a_cancellation, a_hold, a_request, cancelled, fulfilled

_TEA: Final = Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=300, currency="CNY"))
_SHOP: Final = {"program_id": "g-1", "merchant_id": "shop", "title": "Shop", "page": "pages/shop"}
_PAYS: Final = (HostCapability(capability="pay", platform_version=12),)
_IN_AMAP: Final = Needs(hosts=("amap",), platform_version=12, capabilities=("pay",))
_SOME: Final = Audience(salt="s-1", percent=10)
_WANTED: Final = {
    "viewer_id": "bo",
    "lines": [{"sku": "tea", "units": 2}],
    "destination": {"latitude": 31.2, "longitude": 121.4},
}
_EVENT: Final = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/cms",
    "type": "lutong.feed.post-published.v1",
    "data": {"post_id": "p-3", "author_id": "ann", "text": "雨"},
}
_ASK: Final = Command("POST", "/v1/posts/p-1/card/requests", _WANTED)
_AS_ANOTHER: Final = Command("PUT", "/v1/accounts/m-1/member", {"member_id": "m-2"}, who="m-1")
_BINDING: Final = {"viewer_id": "m-1", "binding_id": "b-1", "member_id": "m-2"}
_SHELF: Final = {"merchant_id": "shop", "location_id": "near", "sku": "tea"}
_AGREED: Final = {"agreement_id": "a-1", "member_id": "bo", "plan_id": "light", "merchant_id": "shop"}
_LATER: Final = (datetime.now(UTC) + timedelta(days=30)).isoformat()
_SECRET: Final = bytes(32)
_SERVED: Final = Served(
    1, "01890a5d-ac96-774b-bcce-b302099a8057", "timeline", 0, "p-1", "p-1", "g-1", "bo", datetime.now(UTC)
)
_TOUCH: Final = Keys({1: _SECRET}, 1).sign(_SERVED)
_PAID: Final = Keys({1: _SECRET}, 1).sign(_SERVED._replace(placement="home_paid", position=3))
_ALLOWED: Final[dict[str, Any]] = {
    "program_id": "g-1",
    "placement": "home",
    "promotion_id": "winter",
    "ends_at": datetime.now(UTC) + timedelta(hours=1),
}


def _sourced(known: Mapping[str, Any]) -> Event:
    return OrderSourced(
        order_id=known["order_id"],
        merchant_id="shop",
        location_id="near",
        location_kind="store",
        distance_m=900,
        lines=(Line(sku="tea", units=2, unit_price_minor=300),),
        mode="delivery",
        accept_by="2030-01-01T00:00:00Z",
    )


FEED: Final[tuple[Step, ...]] = (
    Command("PUT", "/v1/accounts/ann", {"name": "Ann"}),
    Command("POST", "/v1/accounts/batch", {"accounts": [{"account_id": "bo", "name": "Bo"}]}),
    Command("PUT", "/v1/accounts/bo/follows/ann"),
    Command("DELETE", "/v1/accounts/bo/follows/ann"),
    Command("POST", "/v1/follows/batch", {"follows": [{"follower_id": "bo", "followee_id": "ann"}]}),
    VersionReleased(version=1, offers=(_TEA,), **_SHOP),
    PlanPublished(revision=1, **PLAN),
    Command("POST", "/v1/posts", {"author_id": "ann", "text": "路通", "post_id": "p-1"}),
    Command("POST", "/v1/posts/batch", {"posts": [{"author_id": "ann", "text": "晴", "post_id": "p-2"}]}),
    Command("POST", "/v1/events", [_EVENT]),
    PostPublished(post_id="p-4", author_id="ann", text="雪"),
    Meanwhile("INSERT INTO timeline_reader (reader_id) VALUES ('bo')"),
    TimelineOpened(reader_id="bo"),
    TimelineFilled(reader_id="bo"),
    Meanwhile("UPDATE follow SET pushed = false; DELETE FROM timeline_entry"),
    FollowMoved(author_id="ann", reader_id="bo"),
    Meanwhile("DELETE FROM timeline_entry"),
    FanOutAsked(author_id="ann", post_id="p-1"),
    Meanwhile("INSERT INTO pulled_author (author_id) VALUES ('ann')"),
    TierChanged(author_id="ann", tier="pull"),
    Meanwhile("UPDATE timeline_reader SET seen_at = now() - interval '8 days'"),
    TimelineUnread(reader_id="bo"),
    ServiceDiscovered(post_id="p-1", version=1, matched_by="words", **_SHOP),
    ServiceNotFound(post_id="p-2", reason="no_match"),
    Meanwhile(f"UPDATE touch_secret SET secret = '\\x{_SECRET.hex()}'"),
    Command("POST", "/v1/interactions", {"viewer_id": "bo", "interactions": [{"touch": _TOUCH, "kind": "impression"}]}),
    InteractionsReported(viewer_id="bo", interactions=(Interaction(touch=_TOUCH, kind="impression"),)),
    # a place is paid for: shown, spent up, over, and ended
    TrafficReserved(spend_id="s-1", pv=1, **_ALLOWED),
    InteractionsReported(viewer_id="bo", interactions=(Interaction(touch=_PAID, kind="impression"),)),
    TrafficReserved(spend_id="s-2", pv=9, **_ALLOWED),
    PaidSlotsDue(program_id="g-1", spend_id="s-2"),
    TrafficReserved(spend_id="s-3", pv=9, **_ALLOWED),
    PromotionChanged(
        program_id="g-1", promotion_id="winter", placement="home", state="ended", pv=9, ends_at=_ALLOWED["ends_at"]
    ),
    Command("POST", "/v1/posts/p-1/card/taps", {"viewer_id": "bo"}),
    Command("POST", "/v1/posts/p-1/card/solutions", {"viewer_id": "bo"}),
    CardTapped(viewer_id="bo", post_id="p-1", program_id="g-1", version=1),
    ServiceSolved(viewer_id="bo", post_id="p-1", program_id="g-1"),
    _ASK,
    lambda known: CreditDeclined(order_id=known["order_id"], member_id="bo", merchant_id="shop", reason="not_admitted"),
    _ASK,
    lambda known: a_request(known["order_id"], viewer_id="bo"),
    lambda known: a_hold(known["order_id"]),
    _sourced,
    lambda known: fulfilled(known["order_id"]),
    lambda known: OrderRefunded(
        order_id=known["order_id"], refund_id="r-1", member_id="bo", merchant_id="shop", amount=CHARGE
    ),
    AgreementSettled(agreement_id="a-1", member_id="bo", plan_id="light", merchant_id="shop", charge=CHARGE),
    _ASK,
    lambda known: OrderRejected(order_id=known["order_id"], merchant_id="shop", reason="out_of_stock"),
    _ASK,
    lambda known: Command("POST", f"/v1/requests/{known['order_id']}/cancellation", {"viewer_id": "bo"}),
    lambda known: a_cancellation(known["order_id"]),
    lambda known: cancelled(known["order_id"]),
    VersionRolledBack(version=1, withdrawn_version=2, offers=(), **_SHOP),
    VersionApproved(program_id="g-1", version=1),
    ProgramSuspended(program_id="g-1", reason="security_incident"),
    ProgramResumed(program_id="g-1"),
    VersionGrayed(version=3, control_version=1, offers=(_TEA,), audience=_SOME, **_SHOP),
    VersionGrayStopped(program_id="g-1", version=3, control_version=1, by="merchant", reason="rolled_back"),
    # an app that programs run in has a version of its own
    HostRegistered(revision=1, **AMAP),
    HostChanged(revision=2, capabilities=_PAYS, **AMAP),
    VersionHosted(version=4, offers=(_TEA,), needs=_IN_AMAP, **_SHOP),
    VersionUnhosted(program_id="g-1", version=4, reason="rolled_back"),
    HostRetired(revision=3, retired_for="end_of_life", **AMAP),
    CapabilitiesChanged(program_id="g-1", granted=("pay",), enforced=True, revision=1),
    VersionForcedOffline(program_id="g-1", version=1, reason="false_promises"),
    # m-1 orders as m-2, until m-2 ends it; asks again, and thinks better of it
    Command("PUT", "/v1/accounts/m-1", {"name": "M"}),
    _AS_ANOTHER,
    Meanwhile("UPDATE binding SET binding_id = 'b-1'"),
    AccountBound(**_BINDING),
    AccountUnbound(**_BINDING, ended_by="member"),
    _AS_ANOTHER,
    Command("DELETE", "/v1/accounts/m-1/member", who="m-1"),
    Command("POST", "/v1/posts/p-1/card/removal", {"reason": "not_related"}),
    Command("PUT", "/v1/accounts/bo/mutes/m-1"),
    Command("DELETE", "/v1/accounts/bo/mutes/m-1"),
    Command("PUT", "/v1/accounts/bo/blocks/m-1"),
    Command("DELETE", "/v1/accounts/bo/blocks/m-1"),
    Command("POST", "/v1/posts", {"author_id": "m-1", "text": "雾", "post_id": "p-5"}, who="m-1"),
    Command("PATCH", "/v1/posts/p-5", {"text": "霜"}, who="m-1"),
    Command("PUT", "/v1/posts/p-5/audience", {"audience": "followers"}, who="m-1"),
    Command("DELETE", "/v1/posts/p-2?reason=spam"),
    # what cards show live: places, shelves, plans and who has them
    LocationOpened(state="open", revision=1, **STORE),
    LocationChanged(state="open", revision=2, radius_m=900, **STORE),
    LocationPaused(state="paused", revision=3, **STORE),
    LocationClosed(state="closed", revision=4, **STORE),
    StockBandChanged(band="in_stock", **_SHELF),
    StockDepleted(band="out_of_stock", **_SHELF),
    StockRestored(band="in_stock", **_SHELF),
    AgreementSigned(**_AGREED),
    AgreementQuit(**_AGREED),
    AgreementSigned(**(_AGREED | {"agreement_id": "a-2"})),
    AgreementFulfilled(**(_AGREED | {"agreement_id": "a-2"})),
    AgreementSigned(**(_AGREED | {"agreement_id": "a-3"})),
    AgreementUnfulfilled(**(_AGREED | {"agreement_id": "a-3"})),
    PlanClosed(revision=2, **PLAN),
    Command("PUT", "/v1/accounts/m-1/vertical", {"vertical": "food"}),
    Command("PUT", "/v1/accounts/m-1/drafts/d-1", {"text": "虹"}, who="m-1"),
    Command("POST", "/v1/accounts/m-1/drafts/d-1/publication", who="m-1"),
    Command("PUT", "/v1/accounts/m-1/drafts/d-2", {"text": "露", "publish_at": _LATER}, who="m-1"),
    DraftDue(author_id="m-1", draft_id="d-2", publish_at=_LATER),
    Command("PUT", "/v1/accounts/m-1/drafts/d-3", {"text": "雹"}, who="m-1"),
    Command("DELETE", "/v1/accounts/m-1/drafts/d-3", who="m-1"),
    Command("PUT", "/v1/accounts/m-1/drafts/d-4", {"text": "霞"}, who="m-1"),
    Command("DELETE", "/v1/accounts/m-1/drafts"),
)
