"""The reason of a change, in the header `Lutong-Reason`: for the audit."""

import re
from typing import Annotated, Final

from fastapi import Header, Request

from lutong_chassis.http.direct import documents
from lutong_chassis.problem import Problem

REASON_MAX: Final = 500
_REASON_MIN: Final = 3
_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


async def documented_reason(
    lutong_reason: Annotated[  # read by `stated_reason`; declared here for OpenAPI
        str | None,
        Header(
            min_length=_REASON_MIN,
            max_length=9 * REASON_MAX,
            description="Why, for the audit; UTF-8, may be percent-encoded. A reason in the body wins.",
        ),
    ] = None,
) -> None:
    """Show the header in OpenAPI on every audited route."""


documents(documented_reason)


def stated_reason(request: Request) -> str | None:
    """The reason in the header, decoded, without control characters."""
    given = request.headers.get("lutong-reason")
    if given is None:
        return None
    octets = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), given.encode("latin-1"))
    reason = "".join(character for character in octets.decode("utf-8", "replace") if character.isprintable())
    if len(reason) > REASON_MAX:
        raise Problem(
            422, "bad_reason", f"Lutong-Reason has {len(reason)} characters, at most {REASON_MAX} are allowed"
        )
    return reason or None
