"""A page: data, shown as HTML or given as JSON under the same path, in the language and the theme of the person."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from lutong_console import why
from lutong_console.cli.uplift.format import amount
from lutong_console.targets import Suite
from lutong_console.web import languages, words
from lutong_console.web.access import SESSION_LIFETIME_S, Session
from lutong_contracts.version import VERSION

SESSION_COOKIE: Final = "lutong_session"
LANGUAGE_COOKIE: Final = "lutong_language"
THEME_COOKIE: Final = "lutong_theme"
THEMES: Final = ("auto", "light", "dark")
_TEMPLATES: Final = Path(__file__).with_name("templates")


class PageError(Exception):
    """A page that cannot be shown: which status, and the sentence for the person."""

    def __init__(self, status: int, message: str, then: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.then = then


def session_of(request: Request, *, merchants: bool = False) -> Session:
    """The session of a request; raises 401 when there is none, and 403 for merchants where a page is not for them."""
    session: Session | None = request.app.state.access.session(request.cookies.get(SESSION_COOKIE))
    if session is None:
        raise PageError(401, "sign in first", "lutong console")
    if not (session.is_staff or merchants):
        raise PageError(403, "this page is for the staff of the platform: yours is Stores")
    return session


def keep_session(answer: Response, session: Session, *, secure: bool) -> None:
    """Have the browser keep a session, in a cookie that no script can read and no other site can send."""
    answer.set_cookie(
        SESSION_COOKIE, session.id, max_age=SESSION_LIFETIME_S, httponly=True, samesite="strict", secure=secure
    )


def target_of(request: Request) -> Suite:
    """The suite, asked as the person who signed in."""
    target: Suite = request.app.state.target
    session: Session | None = request.app.state.access.session(request.cookies.get(SESSION_COOKIE))
    return replace(target, auth=session.auth) if session and session.auth else target


async def form_of(request: Request, *, merchants: bool = False) -> dict[str, str]:
    """The fields of a form that this session was shown; raises 403 for another's form, and for who may only look."""
    session = session_of(request, merchants=merchants)
    form = {name: str(value) for name, value in (await request.form()).items()}
    if not session.accepts(form.pop("csrf", "")):
        raise PageError(403, "this form belongs to another session: open the page again")
    if not session.may_change:
        raise PageError(403, "this console is read-only")
    return form


def language_of(request: Request) -> languages.Language:
    """The language of a request."""
    return languages.chosen(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


def show(request: Request, template: str, data: Mapping[str, Any], status: int = 200) -> Response:
    """A page as HTML, or its data as JSON for `?format=json` and `Accept: application/json`."""
    if wants_json(request):
        body = orjson.dumps({name: _plain(value) for name, value in data.items()}, default=str)
        return Response(body, status, media_type="application/json")
    language = language_of(request)
    theme = request.cookies.get(THEME_COOKIE, "auto")
    context = {
        "csrf": "",
        "may_change": False,
        "is_staff": True,
        "who": None,
        "path": request.url.path,
        "query": request.url.query,
        "theme": theme if theme in THEMES else "auto",
        "language": language,
        "version": VERSION,
        "target": request.app.state.name,
        "now": datetime.now(UTC),
    }
    session: Session | None = request.app.state.access.session(request.cookies.get(SESSION_COOKIE))
    if session:
        context |= {"csrf": session.csrf, "may_change": session.may_change, "is_staff": session.is_staff}
        context |= {"who": session.who}
    page = _environment(language).get_template(template).render(**context, **data, signed_in=session is not None)
    return HTMLResponse(page, status)


def back(to: str) -> Response:
    """Go on at another page after a form."""
    return RedirectResponse(to, 303)


def wants_json(request: Request) -> bool:
    """Whether a program asks: `?format=json`, or an Accept header that begins so."""
    wanted = request.query_params.get("format")
    return wanted == "json" or (wanted is None and request.headers.get("accept", "").startswith("application/json"))


def _plain(value: object) -> object:
    """Dataclasses and named tuples as objects; everything else as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


@cache
def _environment(language: languages.Language) -> Environment:
    made, locale = languages.environment(_TEMPLATES, languages.texts(language)), languages.locale_of(language)
    made.filters |= {
        "number": lambda value: format_decimal(value, locale=locale),
        "age": lambda seconds: age(seconds, language),
        "moment": moment,
        "word": lambda value: languages.texts(language).gettext(words.word(value)),
        "money": lambda amount_minor, currency: format_currency(
            Decimal(amount_minor).scaleb(-get_currency_precision(currency)), currency, locale=locale
        ),
        "figure": amount,
        "share": lambda value: "–" if value is None else format_percent(value, "#,##0.0%", locale=locale),
        "sentence": lambda reason: why.sentence(reason, languages.texts(language).gettext),
    }
    return made


def age(seconds: float, language: languages.Language) -> str:
    """How long something lasts, in the unit that a person would use.

    >>> age(75, "en")
    '1 min'
    """
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {languages.texts(language).gettext(name)}"
    return f"{seconds:.0f} s" if seconds >= 1 or not seconds else f"{seconds * 1000:.0f} ms"


def moment(at: datetime | str) -> str:
    """A moment as text, always in UTC: `2026-11-28 19:30:00Z`."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return known.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
