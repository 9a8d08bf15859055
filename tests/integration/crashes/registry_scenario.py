"""What happens to the registry."""

from collections.abc import Mapping
from typing import Any, Final

from lutong_contracts.feed import (
    AccountChanged,
    CardTakenOff,
    CardTapped,
    PostDeleted,
    PostRevised,
    ServiceSolved,
)
from lutong_contracts.hosts import CapabilitiesChanged, HostChanged, HostRegistered, HostRetired
from lutong_contracts.inventory import (
    LocationChanged,
    LocationClosed,
    LocationDeclined,
    LocationOpened,
    LocationPaused,
    OrderRefunded,
    OrderRejected,
)
from lutong_contracts.membership import (
    PlanClosed,
    PlanPublished,
)
from lutong_contracts.registry import (
    MerchantChanged,
    MerchantRegistered,
)
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.life_accounts_scenario import LIFE_ACCOUNTS
from tests.integration.crashes.shared import AMAP, CHARGE, PLAN, STORE
from tests.integration.crashes.steps import Step
from tests.integration.crashes.traffic_scenario import TRAFFIC
from tests.support.builders import a_post, a_request, fulfilled

_FUND: Final = {"title": "公积金提取", "page": "pages/fund"}


def _a_version(number: int, **more: Any) -> Command:
    return Command("POST", "/v1/programs/fund/versions", {"version": number, "manifest": _FUND | more})


def _a_template(number: int) -> Command:
    body = {"merchant_id": "shop", "version": number, "template": _TEMPLATE}
    return Command("POST", "/v1/templates/light/versions", body)


def _verdict(number: int, verb: str, body: Mapping[str, Any] | None = None) -> Command:
    return Command("POST", f"/v1/programs/fund/versions/{number}/{verb}", body)


_TEMPLATE: Final = {"title": "Shop {store_name}", "page": "pages/shop?store={store_id}"}
_NEAR: Final = {"template_id": "light", "store_id": "near", "name": "Near"}
_LIGHT: Final[tuple[Step, ...]] = (
    _a_template(1),
    Command("POST", "/v1/templates/light/versions/1/approval"),
    Command("POST", "/v1/light-stores/batch", {"stores": [_NEAR]}),
    Command("PUT", "/v1/templates/light/light-stores/near/edits", {"edits": {"description": "路通"}}),
    Command("POST", "/v1/light-stores/batch", {"stores": [_NEAR | {"store_id": "far"}]}),
    Command("POST", "/v1/templates/light/light-stores/far/detachment"),
    _a_template(2),
    Command("POST", "/v1/templates/light/versions/2/rejection", {"reason": "unclear"}),
    Command("POST", "/v1/templates/light/rollouts", {"version": 1}),
    Command("POST", "/v1/templates/light/rollouts/stop", {"reason": "too_early"}),
)
REGISTRY: Final[tuple[Step, ...]] = (
    Command("PUT", "/v1/merchants/gov", {"name": "浙里办"}),
    Command("PUT", "/v1/programs/fund", {"merchant_id": "gov"}),
    _a_version(1),
    _verdict(1, "approval"),
    _verdict(1, "release"),
    _a_version(2),
    _verdict(2, "rejection", {"reason": "unclear"}),
    _a_version(3),
    _verdict(3, "approval"),
    _verdict(3, "release"),
    _verdict(3, "rollback"),
    _a_version(4),
    _verdict(4, "withdrawal"),
    _verdict(4, "resubmission"),
    _verdict(4, "admission"),
    _verdict(4, "gray", {"percent": 10}),
    _verdict(4, "offline", {"reason": "false_promises"}),
    # version 5 is for one app, which has it beside what all others have, until that app is retired
    Command("PUT", "/v1/hosts/amap", {"title_zh": "高德", "title_en": "Amap"}),
    _a_version(5, hosts=["amap"]),
    _verdict(5, "approval"),
    _verdict(5, "release"),
    _verdict(5, "rollback"),
    Command("POST", "/v1/hosts/amap/retirement", {"reason": "end_of_life"}),
    # version 6 declares what it uses, which is granted and revoked
    _a_version(6, req_permissions=[{"name": "pay", "reason": "缴费"}]),
    Command("PUT", "/v1/programs/fund/capabilities/pay", {"reason": "reviewed"}),
    Command("POST", "/v1/programs/fund/capabilities/pay/revocation", {"reason": "complaints"}),
    _verdict(6, "withdrawal"),
    CapabilitiesChanged(program_id="g-9", granted=("pay",), revision=1),
    HostRegistered(revision=1, **(AMAP | {"host_id": "uc"})),
    HostChanged(revision=2, **(AMAP | {"host_id": "uc"})),
    HostRetired(revision=3, retired_for="end_of_life", **(AMAP | {"host_id": "uc"})),
    Command("POST", "/v1/programs/fund/suspension", {"reason": "security_incident"}),
    Command("DELETE", "/v1/programs/fund/suspension"),
    Command(
        "POST", "/v1/programs/batch", {"programs": [{"program_id": "g-1", "merchant_id": "gov", "manifest": _FUND}]}
    ),
    a_post(text="公积金提取新政策"),
    CardTapped(viewer_id="bo", post_id="p-1", program_id="g-1", version=1),
    ServiceSolved(viewer_id="bo", post_id="p-1", program_id="g-1"),
    fulfilled(),
    Command("POST", "/v1/merchants/batch", {"merchants": [{"merchant_id": "shop", "name": "Shop"}]}),
    # version 2 of g-1 is in gray: what is tapped, ordered, fulfilled, refunded and short is watched
    Command("POST", "/v1/programs/g-1/versions", {"version": 2, "manifest": _FUND}),
    Command("POST", "/v1/programs/g-1/versions/2/approval"),
    Command("POST", "/v1/programs/g-1/versions/2/gray", {"percent": 10}),
    CardTapped(viewer_id="m-1", post_id="p-1", program_id="g-1", version=2),
    a_request().model_copy(update={"program_id": "g-1", "post_id": "p-1", "version": 2}),
    LocationDeclined(order_id="o-1", merchant_id="shop", location_id="near", reason="sold_out"),
    OrderRejected(order_id="o-1", merchant_id="shop", reason="out_of_stock"),
    OrderRefunded(order_id="o-1", refund_id="r-1", member_id="m-1", merchant_id="shop", amount=CHARGE),
    MerchantRegistered(merchant_id="tea-house", title="Tea House", revision=1),
    MerchantChanged(merchant_id="tea-house", title="Tea Houses", revision=2),
    AccountChanged(account_id="ann", kind="enterprise", revision=1),
    Command("PUT", "/v1/programs/fund/embedding", {"embedded_by": "permitted"}),
    Command("PUT", "/v1/programs/fund/embedders/ann"),
    Command("DELETE", "/v1/programs/fund/embedders/ann"),
    CardTakenOff(post_id="p-1", program_id="fund", by="author", reason="not_related"),
    PostRevised(post_id="p-1", author_id="ann", revision=2, text="霜"),
    PostDeleted(post_id="p-1", author_id="ann", by="author"),
    LocationOpened(state="open", revision=1, **STORE),
    LocationChanged(state="open", revision=2, radius_m=900, **STORE),
    LocationOpened(state="open", revision=1, **(STORE | {"location_id": "far"})),
    *_LIGHT,
    LocationPaused(state="paused", revision=3, **STORE),
    LocationClosed(state="closed", revision=4, **STORE),
    PlanPublished(revision=1, **PLAN),
    PlanClosed(revision=2, **PLAN),
    *LIFE_ACCOUNTS,
    *TRAFFIC,
)
