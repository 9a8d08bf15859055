"""What a synthetic journey needs, all under one id: an account, a member, a merchant with a program, a plan, a store and goods."""

from functools import partial
from typing import Final, NamedTuple

import httpx

from lutong_chassis.settings import SECRETS
from lutong_console import credentials
from lutong_console.bearer import Bearer
from lutong_console.cli.errors import ConsoleError
from lutong_console.probe.principals import principals
from lutong_console.targets import Suite, call
from lutong_contracts.synthetic import PROBE

PLACE: Final = {"latitude": 31.2304, "longitude": 121.4737}
_TIMEOUT_S: Final = 20.0
_ON_HAND: Final = 1_000
"""Each journey puts back what it took; what journeys that failed leave reserved comes back by its own deadline."""
_PRICE: Final = {"amount_minor": 100, "currency": "CNY"}
_LINE_LIMIT_MINOR: Final = 100_000
_KNOWN: Final = {
    "months_known": 36, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 0, "declared_limit_minor": 2_000_000,
}  # fmt: skip


class Rights(NamedTuple):
    """How requests of a journey are signed: the member's, and those of the merchant's staff."""

    member: httpx.Auth
    merchant: httpx.Auth


def rights(target: Suite, name: str = PROBE) -> Rights:
    """Tokens that are signed here, where the key is; in a container those that `lutong up` wrote for it."""
    if target.issuer:
        return Rights(*map(target.acting_as, principals(name)))
    files = (credentials.PROBE_MEMBER_TOKEN, credentials.PROBE_MERCHANT_TOKEN)
    return Rights(*(Bearer(partial(credentials.read, SECRETS, file)) for file in files))


async def prepare(target: Suite, name: str = PROBE) -> None:
    """Have all of it, as an operator, unless it is there: the account is made last."""
    async with target.client(_TIMEOUT_S) as client:
        if await _is_prepared(client, target, name):
            return

        async def ask(method: str, service: str, path: str, **body: object) -> None:
            await call(client, method, f"{target.urls[service]}{path}", json=body)

        manifest = {
            "title": name,
            "page": "pages/index",
            "offers": [{"sku": name, "title": name, "unit_price": _PRICE}],
        }
        program = {"program_id": name, "merchant_id": name, "manifest": manifest}
        shelf = {"location_id": name, "sku": name, "on_hand": _ON_HAND}
        await ask("PUT", "registry", f"/v1/merchants/{name}", name=name)
        await ask("POST", "registry", "/v1/programs/batch", programs=[program])
        await ask("PUT", "membership", f"/v1/plans/{name}", merchant_id=name, title=name, line_limit_minor=_LINE_LIMIT_MINOR)  # fmt: skip
        await ask("PUT", "membership", f"/v1/members/{name}/profile", **_KNOWN)
        await ask("PUT", "inventory", f"/v1/locations/{name}", merchant_id=name, kind="store", name=name, **PLACE)
        await ask("POST", "inventory", "/v1/stock/batch", merchant_id=name, shelves=[shelf])
        await ask("POST", "feed", "/v1/accounts/batch", accounts=[{"account_id": name, "name": name}])


async def _is_prepared(client: httpx.AsyncClient, target: Suite, name: str) -> bool:
    """A feed that is overloaded does not show it: the journey then fails at a step, which is what its maker wants to know."""
    try:
        await call(client, "GET", f"{target.urls['feed']}/v1/accounts/{name}")
    except ConsoleError as error:
        if error.status == httpx.codes.NOT_FOUND:
            return False
        if error.status < httpx.codes.INTERNAL_SERVER_ERROR:
            raise
    return True
