"""Routes of registry: merchants, programs, their versions, and the search."""

from typing import Final

from lutong_contracts.topics import MERCHANTS
from tests.integration.security.callers import (
    ACME,
    ANYBODY,
    DONE_BY_ITS_MERCHANT,
    DONE_BY_OPERATORS,
    READ_BY_ITS_MERCHANT,
)
from tests.integration.security.routes.operations import OPERATIONS, entities_of
from tests.integration.security.world import Ask, Asked, Matrix, World, fixed
from tests.support.builders import a_post

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
    """Two merchants; a program of acme's that is released, and a post that led to it."""
    for merchant in (ACME, "rival"):
        await world.ask("PUT", f"/v1/merchants/{merchant}", {"name": merchant})
    fund = {"program_id": "fund", "merchant_id": ACME, "manifest": _MANIFEST}
    await world.ask("POST", "/v1/programs/batch", {"programs": [fund]})
    await world.consume(a_post("p-1", "公积金提取新政策"))


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


async def _onboard(world: World) -> Asked:
    program = {"program_id": world.fresh("program"), "merchant_id": ACME, "manifest": _MANIFEST}
    return Asked("/v1/programs/batch", {"programs": [program]})


REGISTRY: Final[Matrix] = (
    OPERATIONS
    | entities_of(MERCHANTS)
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
