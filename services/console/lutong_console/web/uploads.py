"""Files of a merchant, taken in as `lutong import` does: bad rows are named by line and column, the rest is taken."""

import tempfile
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lutong_console.cli.errors import ConsoleError
from lutong_console.imports.catalogue import KINDS, Source
from lutong_console.imports.command import Manner, Report, take
from lutong_console.imports.reading import ENCODINGS
from lutong_console.web.attempts import NOTHING, Attempt
from lutong_console.web.pages import PageError, form_of, session_of, show, target_of

BYTES_MAX: Final = 5_000_000
OFFERED: Final = ("stores", "stock", "light-stores", "turnover", "plans", "programs")
"""Kinds of files that a merchant has; others are an operator's, in a terminal."""
_PROBLEMS: Final = 100


async def upload(request: Request) -> Response:
    """The form, with the columns of each kind."""
    session_of(request, merchants=True)
    return _shown(request, NOTHING)


def _shown(request: Request, tried: Attempt) -> Response:
    columns = {name: list(KINDS[name].row.model_fields) for name in OFFERED}
    kind = request.query_params.get("kind", "stock")
    data = {"merchant": request.path_params["merchant"], "columns": columns, "encodings": list(ENCODINGS), "kind": kind}
    return show(request, "upload.html", data | tried.shown, tried.status)


async def take_in(request: Request) -> Response:
    """Take a file in, or only check it. Its size is bounded before a byte of it is read."""
    size = request.headers.get("content-length", "")
    if not size.isdecimal() or int(size) > BYTES_MAX:
        raise PageError(413, "a file here has at most 5 MB: take larger ones in with lutong import")
    form = await form_of(request, merchants=True)
    file = (await request.form()).get("file")
    kind = form.get("kind", "")
    if kind not in OFFERED or not isinstance(file, UploadFile) or not file.filename:
        return _shown(request, Attempt("kind, file: choose what the rows are, and a file", {"kind": kind}))
    try:
        report = await _taken(request, kind, await file.read(), form)
    except ConsoleError as error:
        return _shown(request, Attempt(error.detail, {"kind": kind}))
    return _shown(request, Attempt(answer=_answer(report, file.filename), typed={"kind": kind}))


async def _taken(request: Request, kind: str, content: bytes, form: dict[str, str]) -> Report:
    is_checked = "dry_run" in form
    encoding = form.get("encoding", "utf-8")
    manner = Manner(encoding if encoding in ENCODINGS else "utf-8", dry_run=is_checked)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{kind}.csv"
        path.write_bytes(content)
        return await take(Source(path, KINDS[kind]), None if is_checked else target_of(request), manner)


def _answer(report: Report, name: str) -> dict[str, Any]:
    counts = {key: getattr(report, key) for key in ("kind", "rows", "taken", "known", "rejected")}
    return counts | {"file": name, "problems": report.problems[:_PROBLEMS]}


ROUTES: Final = (
    Route("/merchants/{merchant}/import", upload),
    Route("/merchants/{merchant}/import", take_in, methods=["POST"]),
)
