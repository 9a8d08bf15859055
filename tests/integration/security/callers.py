"""The kinds of callers, and what each of them may get: the rows of the matrix."""

from typing import Final

from lutong_chassis.auth import Principal
from lutong_chassis.testing import (
    a_member,
    a_merchant,
    a_viewer,
    an_admin,
    an_operator,
)

ACME: Final = "acme"
ANN: Final = "ann-1"
EVE: Final = "eve-1"

ACTORS: Final[dict[str, Principal | None]] = {
    "anonymous": None,
    "viewer": a_viewer(),
    "operator": an_operator(),
    "admin": an_admin(),
    "its merchant": a_merchant(ACME),
    "another merchant": a_merchant("rival"),
    "its member": a_member(ANN),
    "another member": a_member(EVE),
}
IN: Final = 200
"""Let in, and answered well: any 2xx."""

Row = tuple[int, ...]
"""What each of the actors gets, in their order."""

#                        anonymous viewer operator admin  merchant, another  member, another
ANYBODY: Final[Row] = (401, IN, IN, IN, IN, IN, IN, IN)
READ_BY_STAFF: Final[Row] = (401, IN, IN, IN, 403, 403, 403, 403)
DONE_BY_OPERATORS: Final[Row] = (401, 403, IN, IN, 403, 403, 403, 403)
DONE_BY_ITS_MERCHANT: Final[Row] = (401, 403, IN, IN, IN, 404, 403, 403)
READ_BY_ITS_MERCHANT: Final[Row] = (401, IN, IN, IN, IN, 404, 403, 403)
DONE_BY_ITS_MEMBER: Final[Row] = (401, 403, IN, IN, 403, 403, IN, 404)
CLAIMED_BY_ITS_MEMBER: Final[Row] = (401, 403, 422, 422, 403, 403, IN, 404)  # operators need evidence beside it
DONE_BY_THE_MEMBER: Final[Row] = (401, 403, 403, 403, 403, 403, IN, 404)
READ_BY_ITS_MEMBER: Final[Row] = (401, IN, IN, IN, 403, 403, IN, 404)
PUBLISHED_BY_OTHERS: Final[Row] = (401, 403, IN, IN, IN, IN, IN, IN)
READ_BY_PUBLISHERS: Final[Row] = (401, IN, IN, IN, IN, IN, IN, IN)
READ_BY_ITS_PARTIES: Final[Row] = (401, IN, IN, IN, IN, 404, IN, 404)
DONE_BY_ITS_PARTIES: Final[Row] = (401, 403, IN, IN, IN, 404, IN, 404)
