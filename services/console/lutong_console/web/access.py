"""Who may look: a ticket that is good once opens a session; a session is a cookie that no script can read.

Sessions live in the memory of one process: a console that is restarted asks for a new ticket.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from lutong_chassis.auth import Principal

SESSION_LIFETIME_S: Final = 12 * 3600
TICKET_LIFETIME_S: Final = 600
_SESSIONS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Session:
    """A person who was let in. `csrf` is in every form of theirs, and in no address.

    `who` is the person of an issuer, and `auth` asks the services as that person; of a ticket there is neither: then it is
    the owner of this process.
    """

    id: str = field(repr=False)
    csrf: str = field(repr=False)
    ends_at_s: float
    may_change: bool
    who: Principal | None = None
    auth: httpx.Auth | None = field(default=None, repr=False)

    @property
    def is_staff(self) -> bool:
        """Whether all pages are theirs; a merchant's people see their own stores."""
        return self.who is None or self.who.is_staff

    def accepts(self, csrf: str) -> bool:
        """Whether a form is one that this session was shown."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


@dataclass(slots=True)
class Access:
    """Tickets that were issued and not used, and sessions that have not ended."""

    clock: Callable[[], float] = time.monotonic
    may_change: bool = True
    is_secure: bool = False
    """Whether people ask over https: a cookie of plain loopback would not be sent otherwise."""
    owner_key: str = field(default="", repr=False)
    """By which the owner of this process may ask for a ticket; empty: nobody may."""
    _tickets: dict[str, float] = field(default_factory=dict, repr=False)
    _sessions: dict[str, Session] = field(default_factory=dict, repr=False)

    def issue(self) -> str:
        """A ticket: the first request with it within ten minutes is admitted."""
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = self.clock() + TICKET_LIFETIME_S
        return ticket

    def is_owner(self, key: str) -> bool:
        """Whether this is the key of the owner of this process."""
        return bool(self.owner_key) and hmac.compare_digest(self.owner_key.encode(), key.encode())

    def enter(self, ticket: str) -> Session | None:
        """A session for a ticket, which is used up; None when it is not one of ours, was used, or is too old."""
        ends_at_s = self._tickets.pop(ticket, 0.0)
        return self._opened(self.may_change) if ends_at_s > self.clock() else None

    def admit(self, who: Principal, auth: httpx.Auth) -> Session:
        """A session for the person of an issuer. A viewer changes nothing; what others may, their services decide."""
        return self._opened(self.may_change and who.role != "viewer", who, auth)

    def _opened(self, may_change: bool, who: Principal | None = None, auth: httpx.Auth | None = None) -> Session:  # noqa: FBT001  # as the field
        self._forget_ended()
        id_, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        session = Session(id_, csrf, self.clock() + SESSION_LIFETIME_S, may_change, who, auth)
        self._sessions[session.id] = session
        return session

    def session(self, cookie: str | None) -> Session | None:
        """The session of a cookie, unless it has ended."""
        found = self._sessions.get(cookie or "")
        return found if found and found.ends_at_s > self.clock() else None

    def leave(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.id, None)

    def _forget_ended(self) -> None:
        going_on = [each for each in self._sessions.values() if each.ends_at_s > self.clock()]
        self._sessions = {each.id: each for each in going_on[1 - _SESSIONS_MAX :]}
