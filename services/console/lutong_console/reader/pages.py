"""A page of the feed: a template with data, in the language and the theme of the reader."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel.dates import format_timedelta
from babel.numbers import format_currency, get_currency_precision
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lutong_console.reader.asking import RefusedError
from lutong_console.reader.people import PEOPLE, SPOTS, Person
from lutong_console.reader.texts import pieces
from lutong_console.web import languages
from lutong_console.web.access import Session
from lutong_console.web.pages import LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from lutong_contracts.version import VERSION

SESSION_COOKIE: Final = "lutong_reader"
LOCALE: Final = Path(__file__).with_name("locale")
_TEMPLATES: Final = Path(__file__).with_name("templates")


def session_of(request: Request) -> Session:
    """The session of a request; raises a refusal that names the command which prints a link."""
    session: Session | None = request.app.state.access.session(request.cookies.get(SESSION_COOKIE))
    if session is None:
        raise RefusedError(401, "Open the link that this command prints:", "lutong reader")
    return session


def reader_of(request: Request) -> Person:
    """Who reads."""
    person: Person = request.app.state.readers.person(session_of(request))
    return person


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that this session was shown; raises a refusal for another's form."""
    session = session_of(request)
    form = {name: str(value) for name, value in (await request.form()).items()}
    if not session.accepts(form.pop("csrf", "")):
        raise RefusedError(403, "This form belongs to another session: open the page again.")
    return form


def show(request: Request, template: str, data: Mapping[str, Any], status: int = 200) -> Response:
    """A page as HTML."""
    cookie = request.cookies.get(LANGUAGE_COOKIE)
    language = languages.chosen(cookie, request.headers.get("accept-language", ""))
    theme = request.cookies.get(THEME_COOKIE, "auto")
    session: Session | None = request.app.state.access.session(request.cookies.get(SESSION_COOKIE))
    context = {
        "path": request.url.path,
        "query": request.url.query,
        "theme": theme if theme in THEMES else "auto",
        "language": language,
        "version": VERSION,
        "people": PEOPLE,
        "spots": SPOTS,
        "csrf": session.csrf if session else "",
        "me": request.app.state.readers.person(session) if session else None,
    }
    return HTMLResponse(_environment(language).get_template(template).render(**context, **data), status)


@cache
def _environment(language: languages.Language) -> Environment:
    made = languages.environment(_TEMPLATES, languages.texts(language, LOCALE))
    made.filters |= {
        "money": lambda money: price(money["amount_minor"], money["currency"], language),
        "ago": lambda age_s: format_timedelta(-age_s, add_direction=True, locale=languages.locale_of(language)),
    }
    made.filters["pieces"] = pieces
    return made


def price(amount_minor: int, currency: str, language: languages.Language) -> str:
    """An amount as people write it.

    >>> price(5900, "CNY", "en")
    'CN¥59.00'
    """
    amount = amount_minor / 10 ** get_currency_precision(currency)
    return format_currency(amount, currency, locale=languages.locale_of(language))
