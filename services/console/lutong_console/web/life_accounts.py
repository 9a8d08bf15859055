"""Life accounts of a merchant: what is left of the quota and until when, and pushes: drafted, tried, sent, taken back."""

from typing import Any, Final

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from lutong_console.targets import call
from lutong_console.web.attempts import NOTHING, Attempt, Form, asked, attempt, moment, segment
from lutong_console.web.pages import PageError, session_of, show, target_of

_ROWS: Final = 50
_VERBS: Final = ("submission", "trial", "cancellation", "recall")


async def accounts(request: Request) -> Response:
    """The life accounts of a merchant, and how often they may push."""
    session_of(request, merchants=True)
    merchant = request.path_params["merchant"]
    found = await asked(request, "registry", f"/v1/merchants/{segment(merchant)}/life-accounts")
    policies = await asked(request, "registry", "/v1/push-policies")
    return show(request, "accounts.html", {"merchant": merchant, "accounts": found, "policies": policies})


async def account(request: Request) -> Response:
    """One account: its quota, and its latest pushes."""
    session_of(request, merchants=True)
    return await _shown(request, NOTHING)


async def _shown(request: Request, tried: Attempt) -> Response:
    merchant, account_id = request.path_params["merchant"], request.path_params["account"]
    below = f"/v1/life-accounts/{segment(account_id)}"
    data = {
        "merchant": merchant,
        "account_id": account_id,
        "quota": await asked(request, "registry", f"{below}/push-quota"),
        "pushes": await asked(request, "registry", f"{below}/pushes", limit=_ROWS),
        "programs": await asked(request, "registry", "/v1/programs", merchant_id=merchant),
        "new_id": f"push-{uuid7().hex[:20]}",
    }
    return show(request, "account.html", data | tried.shown, tried.status)


async def write(request: Request) -> Response:
    """Write a push, or write it anew while it is a draft."""
    return await attempt(request, _write, _shown, request.url.path.rpartition("/")[0])


async def _write(request: Request, client: httpx.AsyncClient, form: Form) -> None:
    body = {name: form.get(name, "").strip() for name in ("program_id", "title", "text")}
    await call(client, "PUT", _url(request, form.get("push_id", "").strip()), json=body)


async def act(request: Request) -> Response:
    """Hand a push in, try that, cancel it, or recall it."""
    if request.path_params["verb"] not in _VERBS:
        raise PageError(404, f"nothing is called {request.path_params['verb']} that can be done to a push")
    return await attempt(request, _act, _shown, request.url.path.rsplit("/", 3)[0])


async def _act(request: Request, client: httpx.AsyncClient, form: Form) -> Any:  # noqa: ANN401  # JSON
    url, verb = _url(request, request.path_params["push"]), request.path_params["verb"]
    if verb not in {"submission", "trial"}:
        await call(client, "POST", f"{url}/{verb}")
        return None
    body: dict[str, Any] = {"dry_run": verb == "trial"}
    if form.get("send_at", "").strip():
        body["send_at"] = moment(form, "send_at")
    answer = await call(client, "POST", f"{url}/submission", json=body)
    return answer if verb == "trial" else None


def _url(request: Request, push_id: str) -> str:
    account_id = segment(request.path_params["account"])
    return f"{target_of(request).urls['registry']}/v1/life-accounts/{account_id}/pushes/{segment(push_id or '-')}"


ROUTES: Final = (
    Route("/merchants/{merchant}/accounts", accounts),
    Route("/merchants/{merchant}/accounts/{account}", account),
    Route("/merchants/{merchant}/accounts/{account}/pushes", write, methods=["POST"]),
    Route("/merchants/{merchant}/accounts/{account}/pushes/{push}/{verb}", act, methods=["POST"]),
)
