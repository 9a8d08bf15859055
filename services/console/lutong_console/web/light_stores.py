"""Light stores in three steps: a template, a file of stores, and its rollout; what differs from the template is beside it."""

from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, segment, whole
from lutong_console.web.pages import PageError, session_of, show, target_of


async def templates(request: Request) -> Response:
    """The templates of a merchant, and a form for a new one."""
    session_of(request, merchants=True)
    return await _listed(request, NOTHING)


async def _listed(request: Request, tried: Attempt) -> Response:
    merchant = request.path_params["merchant"]
    found = await asked(request, "registry", f"/v1/merchants/{segment(merchant)}/templates")
    programs = await asked(request, "registry", "/v1/programs", merchant_id=merchant)
    data = {"merchant": merchant, "templates": found, "programs": programs}
    return show(request, "light_stores.html", data | tried.shown, tried.status)


async def template(request: Request) -> Response:
    """One template: which of the three steps it is at, its versions with a sample, and stores that differ."""
    session_of(request, merchants=True)
    return await _shown(request, NOTHING)


async def _shown(request: Request, tried: Attempt) -> Response:
    template_id = request.path_params["template"]
    found = await asked(request, "registry", f"/v1/templates/{segment(template_id)}")
    if found["merchant_id"] != request.path_params["merchant"]:
        raise PageError(404, "this merchant has no such template")
    after = request.query_params.get("after") or None
    drift = await asked(request, "registry", f"/v1/templates/{segment(template_id)}/drift", after=after)
    programs = await asked(request, "registry", "/v1/programs", merchant_id=found["merchant_id"])
    who = session_of(request, merchants=True).who
    data: dict[str, Any] = {
        "merchant": found["merchant_id"],
        "template": found,
        "drift": drift,
        "programs": programs,
        "step": step(found),
        "may_approve": who is None or who.role in {"operator", "admin"},
    }
    return show(request, "light_store.html", data | tried.shown, tried.status)


def step(found: dict[str, Any]) -> int:
    """Which step comes next: 1 until a version is approved, 2 until there are stores, then 3. Pure."""
    if found["version"] is None:
        return 1
    return 2 if not found["stores"] else 3


async def submit(request: Request) -> Response:
    """Hand in a version of a template; the first makes the template."""
    below = request.url.path.rpartition("/submit")[0]
    shown = _shown if "template" in request.path_params else _listed
    form_template = request.path_params.get("template") or (await request.form()).get("template_id", "")
    to = below if "template" in request.path_params else f"{below}/{segment(str(form_template).strip() or '-')}"
    return await attempt(request, _submit, shown, to)


async def _submit(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    template_id = request.path_params.get("template") or form.get("template_id", "").strip()
    made: dict[str, Any] = {name: form.get(name, "").strip() for name in ("title", "page")}
    made["keywords"] = [
        each.strip() for each in form.get("keywords", "").replace("\uff0c", ",").split(",") if each.strip()
    ]
    made |= {
        name: text
        for name in ("description", "category", "region", "offers_of")
        if (text := form.get(name, "").strip())
    }
    body = {"merchant_id": request.path_params["merchant"], "version": whole(form, "version", 1), "template": made}
    await call(client, "POST", f"{_url(request, template_id)}/versions", json=body)


async def act(request: Request) -> Response:
    """Approve or reject a version, start a rollout, or stop it."""
    actions = {"approve": _approve, "reject": _reject, "rollout": _roll_out, "stop": _stop}
    if (action := actions.get(request.path_params["verb"])) is None:
        raise PageError(404, f"nothing is called {request.path_params['verb']} that can be done to a template")
    return await attempt(request, action, _shown, request.url.path.rpartition("/")[0])


async def _approve(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    await call(client, "POST", f"{_of_version(request, form)}/approval")


async def _reject(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    await call(
        client, "POST", f"{_of_version(request, form)}/rejection", json={"reason": form.get("reason", "").strip()}
    )


async def _roll_out(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body = {name: whole(form, name, least) for name, least in (("version", 1), ("wait_s", 0), ("errors_max", 0))}
    await call(client, "POST", f"{_url(request, request.path_params['template'])}/rollouts", json=body)


async def _stop(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body = {"reason": form.get("reason", "").strip()}
    await call(client, "POST", f"{_url(request, request.path_params['template'])}/rollouts/stop", json=body)


def _of_version(request: Request, form: Form) -> str:
    return f"{_url(request, request.path_params['template'])}/versions/{whole(form, 'version', 1)}"


def _url(request: Request, template_id: str) -> str:
    return f"{target_of(request).urls['registry']}/v1/templates/{segment(template_id or '-')}"


_BELOW: Final = "/merchants/{merchant}/light-stores"
ROUTES: Final = (
    Route(_BELOW, templates),
    Route(f"{_BELOW}/submit", submit, methods=["POST"]),
    Route(f"{_BELOW}/{{template}}", template),
    Route(f"{_BELOW}/{{template}}/submit", submit, methods=["POST"]),
    Route(f"{_BELOW}/{{template}}/{{verb}}", act, methods=["POST"]),
)
