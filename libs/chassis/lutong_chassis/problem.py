"""The refusal of a command or a query, as an exception."""

from collections.abc import Mapping
from typing import Final, NoReturn

TITLES: Final = {
    400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found", 405: "Method not allowed",
    408: "Request timeout", 409: "Conflict", 410: "Gone", 413: "Content too large", 415: "Unsupported media type", 422: "Refused", 429: "Too many requests", 500: "Bug", 503: "Unavailable",
}  # fmt: skip
PROBLEM_JSON: Final = "application/problem+json"


class Problem(Exception):  # noqa: N818  # RFC 9457 calls it a problem; to its reader it is not an error of ours
    """A refusal that is answered as a problem document (RFC 9457); raising it rolls the transaction back.

    `status` is the HTTP status, `kind` a stable word for programs (the `type` is `urn:lutong:problem:<kind>`), `detail` a
    sentence for people. `headers` are added to the answer, `extra` to the document.

    >>> problem = Problem(409, "card_closed", "the card is not active", reason="recalled")
    >>> problem.status, problem.kind, problem.extra
    (409, 'card_closed', {'reason': 'recalled'})
    """

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.extra = extra

    def document(self, reference: str | None = None) -> dict[str, object]:
        """The problem as its document has it. `reference` is the id of the request."""
        named = {"reference": reference} if reference else {}
        return {
            "type": f"urn:lutong:problem:{self.kind}",
            "title": TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            **named,
            **self.extra,
        }


def not_found(what: str, identifier: str) -> NoReturn:
    """Raise a 404 `Problem`: nothing has this identifier, or nothing that the caller may see. Never returns.

    >>> not_found("post", "p-1")
    Traceback (most recent call last):
    lutong_chassis.problem.Problem: there is no post 'p-1'
    """
    raise Problem(404, "not_found", f"there is no {what} {identifier!r}")
