"""Touches: an item of one answer of the feed, as a signed word that travels from the impression to the settlement.

    1~7~01890a5d-ac96-774b-bcce-b302099a8057~timeline~3~p-9~p-1~shop~ann~1752000000000~Qm9ndXMgc2lnbmF0dXJlIQ

version ~ number of the key ~ request ~ placement ~ position ~ post ~ root ~ program ~ viewer ~ milliseconds ~ signature. Its parts
contain no `~`. Only the feed checks the signature; everybody else takes a touch on a topic as it is, since topics are the suite's own.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import StringConstraints

_UUID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"

TOUCH_PATTERN: Final = rf"^1~[0-9]{{1,9}}~{_UUID}~[a-z_]{{1,32}}~[0-9]{{1,4}}~{_ID}~{_ID}~({_ID})?~{_ID}~[0-9]{{1,14}}~[A-Za-z0-9_\-]{{22}}$"

Touch = Annotated[str, StringConstraints(pattern=TOUCH_PATTERN)]
"""The signed word. Opaque to clients: they send it back as it was served."""

ECHO_PATTERN: Final = r"^[A-Za-z0-9._~\-]{1,512}$"

Echo = Annotated[str, StringConstraints(pattern=ECHO_PATTERN)]
"""What a client sends back for a touch, before it is checked."""

Placement = Literal[
    "timeline", "account", "post", "home", "square", "recent", "hottest", "for_you", "account_home",
    "home_paid", "square_paid", "for_you_paid",
]  # fmt: skip
"""Where the feed shows posts: the timeline of a reader, an account's own page, and a post by itself; and ranked: the home feed, the
square of mini-programs, those that a reader used, those that all use, those that may suit a reader, and those of an account. What ends
in `_paid` is the place in it that a program pays for with page views."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_RANKED: Final = "8"
_RULES_MAX: Final = 0xFFF
_SHAPE: Final = re.compile(TOUCH_PATTERN)


class Served(NamedTuple):
    """What a touch states: which item of which answer was served, where, to whom and when.

    `root_id` is the post at the root of the tree of reposts, or the post itself. `position` counts from 0. `program_id` is that of
    the card, where there was one. `key_number` names the key that signed it.
    """

    key_number: int
    request_id: str
    placement: str
    position: int
    post_id: str
    root_id: str
    program_id: str | None
    viewer_id: str
    served_at: datetime

    @property
    def rules(self) -> int | None:
        """By which version of its rules the answer was ranked; None of one that was not.

        >>> Served(1, "01890a5d-ac96-8003-bcce-b302099a8057", "home", 0, "p", "p", None, "ann", datetime(2026, 1, 2, tzinfo=UTC)).rules
        3
        """
        return rules_of(self.request_id)

    @property
    def words(self) -> str:
        """What is signed.

        >>> served = Served(1, "r-1", "timeline", 0, "p-1", "p-1", None, "ann", datetime(2026, 1, 2, tzinfo=UTC))
        >>> served.words
        '1~1~r-1~timeline~0~p-1~p-1~~ann~1767312000000'
        """
        served_ms = (self.served_at - _EPOCH) // _MILLISECOND
        parts = (self.key_number, *self[1:6], self.program_id or "", self.viewer_id, served_ms)
        return "~".join(["1", *map(str, parts)])


def ranked_id(request_id: str, rules: int) -> str:
    """The id of an answer that was ranked, from that of any (RFC 9562, version 8): the 12 bits after the version are that of its rules.

    >>> ranked_id("01890a5d-ac96-774b-bcce-b302099a8057", 3)
    '01890a5d-ac96-8003-bcce-b302099a8057'
    """
    if not 1 <= rules <= _RULES_MAX:
        raise ValueError(f"the version of rules is 1 to {_RULES_MAX}, and not {rules}")
    start, middle, _, *rest = request_id.split("-")
    return "-".join([start, middle, f"{_RANKED}{rules:03x}", *rest])


def rules_of(request_id: str) -> int | None:
    """By which version of its rules an answer was ranked; None of one that was not.

    >>> rules_of("01890a5d-ac96-8003-bcce-b302099a8057"), rules_of("01890a5d-ac96-774b-bcce-b302099a8057")
    (3, None)
    """
    words = request_id.split("-")[2]
    return int(words[1:], 16) if words[0] == _RANKED else None


def read(touch: str) -> Served | None:
    """What a touch states, its signature unchecked; None when it is none. One of an event is always one.

    >>> read("1~1~01890a5d-ac96-774b-bcce-b302099a8057~timeline~0~p-1~p-1~~ann~1767312000000~" + "A" * 22).post_id
    'p-1'
    """
    if not _SHAPE.fullmatch(touch):
        return None
    _, key, request_id, placement, position, post_id, root_id, program_id, viewer_id, served_ms, _ = touch.split("~")
    served_at = _EPOCH + int(served_ms) * _MILLISECOND
    return Served(
        int(key), request_id, placement, int(position), post_id, root_id, program_id or None, viewer_id, served_at
    )
