"""Routes of registry: merchants, programs, their versions, and the search."""

from typing import Final

from lutong_contracts.inventory import LocationOpened
from lutong_contracts.topics import MERCHANTS
from tests.integration.security.callers import (
    ACME,
    ANYBODY,
    DONE_BY_ITS_MERCHANT,
    DONE_BY_OPERATORS,
    READ_BY_ITS_MERCHANT,
)
from tests.integration.security.routes.life_accounts import LIFE_ACCOUNTS
from tests.integration.security.routes.operations import OPERATIONS, entities_of
from tests.integration.security.routes.rankings import RANKINGS
from tests.integration.security.routes.traffic import TRAFFIC
from tests.integration.security.world import Ask, Asked, Matrix, World, fixed
from tests.support.builders import SHANGHAI, a_post

_MANIFEST: Final = {"title": "公积金提取", "page": "pages/fund"}
_PROGRAM: Final = {"merchant_id": ACME}
_REASON: Final = {"reason": "unclear"}
_STATES: Final = {
    "submitted": (),
    "approved": ("approval",),
    "released": ("approval", "release"),
    "withdrawn": ("withdrawal",),
}


async def a_registry(world: World) -> None:
    """Two merchants; a program of acme's that is released, a post that led to it, and a location."""
    for merchant in (ACME, "rival"):
        await world.ask("PUT", f"/v1/merchants/{merchant}", {"name": merchant})
    fund = {"program_id": "fund", "merchant_id": ACME, "manifest": _MANIFEST}
    await world.ask("POST", "/v1/programs/batch", {"programs": [fund]})
    await world.ask("PUT", "/v1/hosts/amap", _AMAP)
    await world.consume(a_post("p-1", "公积金提取新政策"))
    where = {"place": SHANGHAI, "zone": "Asia/Shanghai", "modes": ("delivery",)}
    await world.consume(
        LocationOpened(merchant_id=ACME, location_id="near", kind="store", state="open", revision=1, **where)
    )


async def _program(world: World, *versions: str) -> str:
    """A program of acme's with versions in given states; gives its id."""
    program_id = world.fresh("program")
    await world.ask("PUT", f"/v1/programs/{program_id}", _PROGRAM)
    for number, state in enumerate(versions, 1):
        await world.ask("POST", f"/v1/programs/{program_id}/versions", {"version": number, "manifest": _MANIFEST})
        for verb in _STATES[state]:
            await world.ask("POST", f"/v1/programs/{program_id}/versions/{number}/{verb}")
    return program_id


def _of_a_program(path: str, *versions: str, body: object = None) -> Ask:
    async def ask(world: World) -> Asked:
        program_id = await _program(world, *versions)
        return Asked(f"/v1/programs/{program_id}{path}", body, program_id)

    return ask


async def _register(world: World) -> Asked:
    return Asked(f"/v1/programs/{world.fresh('program')}", _PROGRAM, ACME)


async def _resume(world: World) -> Asked:
    program_id = await _program(world)
    await world.ask("POST", f"/v1/programs/{program_id}/suspension", _REASON)
    return Asked(f"/v1/programs/{program_id}/suspension", about=program_id)


def _of_capability(verb: str) -> Ask:
    async def ask(world: World) -> Asked:
        program_id = await _program(world)
        manifest = _MANIFEST | {"req_permissions": [{"name": "pay", "reason": "缴费"}]}
        await world.ask("POST", f"/v1/programs/{program_id}/versions", {"version": 1, "manifest": manifest})
        path = f"/v1/programs/{program_id}/capabilities/pay"
        if verb:
            await world.ask("PUT", path, _REASON)
        return Asked(path + verb, _REASON, program_id)

    return ask


async def _retire(world: World) -> Asked:
    host_id = world.fresh("host")
    await world.ask("PUT", f"/v1/hosts/{host_id}", _AMAP)
    return Asked(f"/v1/hosts/{host_id}/retirement", _REASON)


async def _onboard(world: World) -> Asked:
    program = {"program_id": world.fresh("program"), "merchant_id": ACME, "manifest": _MANIFEST}
    return Asked("/v1/programs/batch", {"programs": [program]})


_TEMPLATE: Final = {"title": "Shop {store_name}", "page": "pages/shop?store={store_id}"}


def _version(number: int) -> dict[str, object]:
    return {"merchant_id": ACME, "version": number, "template": _TEMPLATE}


def _row(template_id: str, store_id: str) -> dict[str, object]:
    return {"stores": [{"template_id": template_id, "store_id": store_id, "name": "Near"}]}


async def _template(world: World, *, approved: bool = True, store: bool = False) -> str:
    """A template of acme's, approved or not, with a store or none; gives its id."""
    template_id = world.fresh("template")
    await world.ask("POST", f"/v1/templates/{template_id}/versions", _version(1))
    if approved:
        await world.ask("POST", f"/v1/templates/{template_id}/versions/1/approval")
    if store:
        await world.ask("POST", "/v1/light-stores/batch", _row(template_id, "near"))
    return template_id


def _of_a_template(path: str, *, approved: bool = True, body: object = None) -> Ask:
    async def ask(world: World) -> Asked:
        template_id = await _template(world, approved=approved, store="/near" in path)
        return Asked(f"/v1/templates/{template_id}{path}", body, template_id)

    return ask


async def _submit(world: World) -> Asked:
    template_id = world.fresh("template")
    return Asked(f"/v1/templates/{template_id}/versions", _version(1), ACME)


async def _stores(world: World) -> Asked:
    template_id = await _template(world)
    return Asked("/v1/light-stores/batch", _row(template_id, "near"), template_id)


async def _stop(world: World) -> Asked:
    template_id = await _template(world, store=True)
    await world.ask("POST", f"/v1/templates/{template_id}/rollouts", {"version": 1})
    return Asked(f"/v1/templates/{template_id}/rollouts/stop", _REASON, template_id)


_LIGHT_STORES: Final[Matrix] = {
    "POST /v1/templates/{template_id}/versions": (DONE_BY_ITS_MERCHANT, _submit),
    "POST /v1/templates/{template_id}/versions/{version}/approval": (
        DONE_BY_OPERATORS,
        _of_a_template("/versions/1/approval", approved=False),
    ),
    "POST /v1/templates/{template_id}/versions/{version}/rejection": (
        DONE_BY_OPERATORS,
        _of_a_template("/versions/1/rejection", approved=False, body=_REASON),
    ),
    "GET /v1/merchants/{merchant_id}/light-stores": (
        ANYBODY,
        fixed(f"/v1/merchants/{ACME}/light-stores?latitude=31.2&longitude=121.5"),
    ),
    "GET /v1/merchants/{merchant_id}/templates": (
        READ_BY_ITS_MERCHANT,
        fixed(f"/v1/merchants/{ACME}/templates", about=ACME),
    ),
    "GET /v1/templates/{template_id}": (READ_BY_ITS_MERCHANT, _of_a_template("")),
    "POST /v1/light-stores/batch": (DONE_BY_ITS_MERCHANT, _stores),
    "PUT /v1/templates/{template_id}/light-stores/{store_id}/edits": (
        DONE_BY_ITS_MERCHANT,
        _of_a_template("/light-stores/near/edits", body={"edits": {"description": "new"}}),
    ),
    "POST /v1/templates/{template_id}/light-stores/{store_id}/detachment": (
        DONE_BY_ITS_MERCHANT,
        _of_a_template("/light-stores/near/detachment"),
    ),
    "GET /v1/templates/{template_id}/light-stores/{store_id}": (
        READ_BY_ITS_MERCHANT,
        _of_a_template("/light-stores/near"),
    ),
    "GET /v1/templates/{template_id}/drift": (READ_BY_ITS_MERCHANT, _of_a_template("/drift")),
    "GET /v1/templates/{template_id}/plans/{version}": (READ_BY_ITS_MERCHANT, _of_a_template("/plans/1")),
    "POST /v1/templates/{template_id}/rollouts": (
        DONE_BY_ITS_MERCHANT,
        _of_a_template("/rollouts", body={"version": 1}),
    ),
    "POST /v1/templates/{template_id}/rollouts/stop": (DONE_BY_ITS_MERCHANT, _stop),
}

_AMAP: Final = {"title_zh": "高德", "title_en": "Amap"}
_HOSTS: Final[Matrix] = {
    "PUT /v1/hosts/{host_id}": (DONE_BY_OPERATORS, fixed("/v1/hosts/amap", _AMAP)),
    "POST /v1/hosts/{host_id}/retirement": (DONE_BY_OPERATORS, _retire),
    "PUT /v1/programs/{program_id}/capabilities/{name}": (DONE_BY_OPERATORS, _of_capability("")),
    "POST /v1/programs/{program_id}/capabilities/{name}/revocation": (DONE_BY_OPERATORS, _of_capability("/revocation")),
    "GET /v1/programs/{program_id}/capabilities": (READ_BY_ITS_MERCHANT, _of_a_program("/capabilities")),
    "GET /v1/hosts": (ANYBODY, fixed("/v1/hosts")),
    "GET /v1/hosts/{host_id}": (ANYBODY, fixed("/v1/hosts/amap")),
    "GET /v1/hosts/{host_id}/programs/{program_id}": (ANYBODY, fixed("/v1/hosts/amap/programs/fund")),
}

REGISTRY: Final[Matrix] = (
    OPERATIONS
    | LIFE_ACCOUNTS
    | RANKINGS
    | TRAFFIC
    | entities_of(MERCHANTS)
    | _HOSTS
    | _LIGHT_STORES
    | {
        "POST /v1/merchants/batch": (
            DONE_BY_OPERATORS,
            fixed("/v1/merchants/batch", {"merchants": [{"merchant_id": ACME, "name": "Acme"}]}),
        ),
        "PUT /v1/merchants/{merchant_id}": (DONE_BY_OPERATORS, fixed(f"/v1/merchants/{ACME}", {"name": "Acme"})),
        "GET /v1/merchants/{merchant_id}": (ANYBODY, fixed(f"/v1/merchants/{ACME}")),
        "PUT /v1/programs/{program_id}": (DONE_BY_ITS_MERCHANT, _register),
        "POST /v1/programs/{program_id}/versions": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/versions", body={"version": 1, "manifest": _MANIFEST}),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/approval": (
            DONE_BY_OPERATORS,
            _of_a_program("/versions/1/approval", "submitted"),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/rejection": (
            DONE_BY_OPERATORS,
            _of_a_program("/versions/1/rejection", "submitted", body=_REASON),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/release": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/versions/1/release", "approved"),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/rollback": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/versions/2/rollback", "released", "released"),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/admission": (
            DONE_BY_OPERATORS,
            _of_a_program("/versions/1/admission", "submitted"),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/withdrawal": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/versions/1/withdrawal", "submitted"),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/resubmission": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/versions/1/resubmission", "withdrawn"),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/gray": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/versions/2/gray", "released", "approved", body={"percent": 10}),
        ),
        "POST /v1/programs/{program_id}/versions/{version}/offline": (
            DONE_BY_OPERATORS,
            _of_a_program("/versions/1/offline", "released", body=_REASON),
        ),
        "GET /v1/programs/{program_id}/versions/{version}": (
            READ_BY_ITS_MERCHANT,
            _of_a_program("/versions/1", "submitted"),
        ),
        "GET /v1/programs/{program_id}/withdrawals": (READ_BY_ITS_MERCHANT, _of_a_program("/withdrawals")),
        "POST /v1/programs/{program_id}/suspension": (DONE_BY_OPERATORS, _of_a_program("/suspension", body=_REASON)),
        "DELETE /v1/programs/{program_id}/suspension": (DONE_BY_OPERATORS, _resume),
        "PUT /v1/programs/{program_id}/embedding": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/embedding", body={"embedded_by": "owner"}),
        ),
        "PUT /v1/programs/{program_id}/embedders/{account_id}": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/embedders/amy"),
        ),
        "DELETE /v1/programs/{program_id}/embedders/{account_id}": (
            DONE_BY_ITS_MERCHANT,
            _of_a_program("/embedders/amy"),
        ),
        "GET /v1/programs/{program_id}/embedders": (
            READ_BY_ITS_MERCHANT,
            _of_a_program("/embedders"),
        ),
        "POST /v1/programs/batch": (DONE_BY_OPERATORS, _onboard),
        "GET /v1/programs/{program_id}": (ANYBODY, fixed("/v1/programs/fund")),
        "GET /v1/programs": (READ_BY_ITS_MERCHANT, fixed(f"/v1/programs?merchant_id={ACME}", about=ACME)),
        "GET /v1/search": (ANYBODY, fixed("/v1/search?q=fund")),
        "GET /v1/suggestions": (ANYBODY, fixed("/v1/suggestions?q=fund")),
        "POST /v1/discoveries/previews": (ANYBODY, fixed("/v1/discoveries/previews", {"texts": ["公积金"]})),
        "GET /v1/discoveries/{post_id}": (ANYBODY, fixed("/v1/discoveries/p-1")),
    }
)
