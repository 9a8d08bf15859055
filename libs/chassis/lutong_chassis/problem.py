"""A refusal as a value to raise: what a command or query is answered with when it is not done."""

from collections.abc import Mapping
from typing import NoReturn


class Problem(Exception):  # noqa: N818  # RFC 9457 calls it a problem; to its reader it is not an error of ours
    """A refusal, in the words of RFC 9457. `kind` is a stable word that programs may act on."""

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.extra = extra


def not_found(what: str, identifier: str) -> NoReturn:
    """Refuse because there is no such thing, or none that the caller may see: both get the same answer."""
    raise Problem(404, "not_found", f"there is no {what} {identifier!r}")
