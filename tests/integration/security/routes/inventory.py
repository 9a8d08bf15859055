"""Routes of inventory: locations, stock and orders."""

from typing import Final

from lutong_contracts.topics import LOCATIONS
from tests.integration.security.callers import (
    ACME,
    ANN,
    ANYBODY,
    DONE_BY_ITS_MEMBER,
    DONE_BY_ITS_MERCHANT,
    DONE_BY_OPERATORS,
    DONE_BY_THE_MEMBER,
    READ_BY_ITS_MERCHANT,
    READ_BY_ITS_PARTIES,
)
from tests.integration.security.routes.inventory_things import (
    A_DELIVERY,
    A_SLOT,
    A_WISH,
    CORNERS,
    NEAR,
    NO_TIME,
    TRIAL,
    TURNOVER,
    WHERE,
    YESTERDAY,
    a_closure,
    a_code,
    a_collection,
    a_hold_of_a_place,
    a_look_at_an_address,
    a_new_address,
    a_place_given_back,
    a_rebooking,
    a_refund,
    a_service_refund,
    a_step_of_a_transfer,
    a_transfer,
    an_erasure,
    an_offer,
    of_a_service,
    of_an_order,
    steps_of_orders,
)
from tests.integration.security.routes.operations import OPERATIONS, entities_of
from tests.integration.security.world import Matrix, fixed

INVENTORY: Final[Matrix] = (
    OPERATIONS
    | entities_of(LOCATIONS)
    | {
        "PUT /v1/locations/{location_id}": (DONE_BY_ITS_MERCHANT, fixed("/v1/locations/near", NEAR, ACME)),
        "POST /v1/locations/batch": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/batch", {"locations": [{"location_id": "near", **NEAR}]}, ACME),
        ),
        "POST /v1/services/{order_id}/completion": (
            DONE_BY_ITS_MERCHANT,
            of_a_service("/completion", {"reference": "bill-1"}),
        ),
        "POST /v1/services/{order_id}/failure": (DONE_BY_ITS_MERCHANT, of_a_service("/failure", {"reason": "closed"})),
        "POST /v1/services/{order_id}/refunds": (DONE_BY_ITS_MERCHANT, a_service_refund),
        "GET /v1/services/{order_id}": (READ_BY_ITS_PARTIES, of_a_service("")),
        "GET /v1/merchants/{merchant_id}/services": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/services", about=ACME),
        ),
        "GET /v1/locations/{location_id}": (READ_BY_ITS_MERCHANT, fixed("/v1/locations/near", about="near")),
        "GET /v1/merchants/{merchant_id}/stores/report": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/stores/report", about=ACME),
        ),
        "GET /v1/merchants/{merchant_id}/sales": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/sales", about=ACME),
        ),
        "GET /v1/locations/{location_id}/sales": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/sales", about="near"),
        ),
        "POST /v1/turnover/batch": (DONE_BY_ITS_MERCHANT, fixed("/v1/turnover/batch", TURNOVER, "near")),
        "GET /v1/merchants/{merchant_id}/stores/uplift": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/stores/uplift", about=ACME),
        ),
        "PUT /v1/merchants/{merchant_id}/sourcing-rules": (
            DONE_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/sourcing-rules", {"parts_max": 1}, ACME),
        ),
        "GET /v1/merchants/{merchant_id}/sourcing-rules": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/sourcing-rules", about=ACME),
        ),
        "GET /v1/declines": (READ_BY_ITS_MERCHANT, fixed(f"/v1/declines?merchant_id={ACME}", about=ACME)),
        "GET /v1/locations": (READ_BY_ITS_MERCHANT, fixed(f"/v1/locations?merchant_id={ACME}", about=ACME)),
        "PUT /v1/locations/{location_id}/hours": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/hours", {"opening_hours": None}, "near"),
        ),
        "POST /v1/locations/{location_id}/pause": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/pause", {"reason": "rush_hour"}, "near"),
        ),
        "DELETE /v1/locations/{location_id}/pause": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/pause", about="near"),
        ),
        "POST /v1/locations/{location_id}/closure": (
            DONE_BY_ITS_MERCHANT,
            a_closure,
        ),
        "PUT /v1/locations/{location_id}/stock/{sku}": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock/tea", {"on_hand": 1_000}, "near"),
        ),
        "POST /v1/stock/batch": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/stock/batch", {"shelves": [{"location_id": "near", "sku": "tea", "on_hand": 1_000}]}, "near"),
        ),
        "POST /v1/stock/movements": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/stock/movements", {"movements": [A_DELIVERY]}, "near"),
        ),
        "PUT /v1/locations/{location_id}/stock/{sku}/safety": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock/tea/safety", {"units": 2}, "near"),
        ),
        "GET /v1/locations/{location_id}/stock/{sku}/movements": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock/tea/movements", about="near"),
        ),
        "PUT /v1/locations/{location_id}/areas/{area}": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/areas/inner", {"corners": CORNERS}, "near"),
        ),
        "POST /v1/locations/{location_id}/slots": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/slots", {"slots": [A_SLOT]}, "near"),
        ),
        "GET /v1/locations/{location_id}/slots": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/slots?day=2026-12-01", about="near"),
        ),
        "POST /v1/locations/{location_id}/slots/withdrawals": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/slots/withdrawals", NO_TIME, "near"),
        ),
        "GET /v1/slots": (ANYBODY, fixed(f"/v1/slots?merchant_id={ACME}&{WHERE}&day=2026-12-01")),
        "POST /v1/slots/{slot_id}/holds": (DONE_BY_ITS_MEMBER, a_hold_of_a_place),
        "POST /v1/slot-holds/{hold_id}/release": (DONE_BY_ITS_MEMBER, a_place_given_back),
        "POST /v1/transfers": (DONE_BY_ITS_MERCHANT, a_transfer),
        "POST /v1/transfers/{transfer_id}/steps": (DONE_BY_ITS_MERCHANT, a_step_of_a_transfer),
        "GET /v1/locations/{location_id}/transfers": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/transfers", about="near"),
        ),
        "GET /v1/locations/{location_id}/replenishment": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/replenishment", about="near"),
        ),
        "POST /v1/members/{member_id}/addresses": (DONE_BY_ITS_MEMBER, a_new_address),
        "GET /v1/members/{member_id}/addresses": (
            DONE_BY_THE_MEMBER,
            fixed(f"/v1/members/{ANN}/addresses", about=ANN),
        ),
        "DELETE /v1/members/{member_id}/addresses": (
            DONE_BY_ITS_MEMBER,
            fixed(f"/v1/members/{ANN}/addresses", about=ANN),
        ),
        "DELETE /v1/members/{member_id}/addresses/{address_id}": (DONE_BY_ITS_MEMBER, an_erasure),
        "POST /v1/orders/{order_id}/address": (DONE_BY_ITS_MERCHANT, a_look_at_an_address),
        "POST /v1/vault/rotation": (DONE_BY_OPERATORS, fixed("/v1/vault/rotation")),
        "POST /v1/orders/{order_id}/consent": (DONE_BY_ITS_MEMBER, an_offer),
        "PUT /v1/orders/{order_id}/slot": (DONE_BY_ITS_MEMBER, a_rebooking),
        "POST /v1/orders/{order_id}/declines": (
            DONE_BY_ITS_MERCHANT,
            of_an_order("/declines", {"location_id": "near", "reason": "sold_out"}),
        ),
        "POST /v1/orders/{order_id}/pickup-code": (DONE_BY_THE_MEMBER, a_code),
        "POST /v1/orders/{order_id}/collection": (DONE_BY_ITS_MERCHANT, a_collection),
        "GET /v1/orders/{order_id}/explain": (READ_BY_ITS_MERCHANT, of_an_order("/explain")),
        "POST /v1/availability": (ANYBODY, fixed("/v1/availability", {"wanted": [A_WISH]})),
        "POST /v1/merchants/{merchant_id}/sourcing-rules/what-if": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/merchants/{ACME}/sourcing-rules/what-if", YESTERDAY, ACME),
        ),
        "GET /v1/sourcing/trial": (
            READ_BY_ITS_MERCHANT,
            fixed(f"/v1/sourcing/trial?merchant_id={ACME}&{TRIAL}", about=ACME),
        ),
        "POST /v1/orders/{order_id}/steps": (
            DONE_BY_ITS_MERCHANT,
            of_an_order("/steps", {"step": "accepted", "location_id": "near"}),
        ),
        "POST /v1/orders/steps/batch": (DONE_BY_ITS_MERCHANT, steps_of_orders),
        "POST /v1/orders/{order_id}/cancellation": (DONE_BY_ITS_MERCHANT, of_an_order("/cancellation", {})),
        "POST /v1/orders/{order_id}/refunds": (DONE_BY_ITS_MERCHANT, a_refund),
        "GET /v1/orders/{order_id}": (READ_BY_ITS_PARTIES, of_an_order("")),
        "GET /v1/locations/{location_id}/orders": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/orders", about="near"),
        ),
        "GET /v1/locations/{location_id}/stock": (
            DONE_BY_ITS_MERCHANT,
            fixed("/v1/locations/near/stock", about="near"),
        ),
    }
)
