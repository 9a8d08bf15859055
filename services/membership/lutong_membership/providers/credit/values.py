"""What is asked about a member's credit, and what is answered. Pure."""

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

UnavailableReason = Literal[
    "breaker_open",  # not asked: the provider failed too often just now
    "unreachable",  # no connection: the last request was not taken
    "refused",  # the provider does not serve us: our token, or our rate
    "rejected",  # the provider does not take this very application
    "still_deciding",  # the provider has the application and has not decided
    "bad_answer",  # an answer that cannot be trusted, also when asked again
    "unknown_outcome",  # the request left, and neither an answer nor a query showed what became of it
]


@dataclass(frozen=True, slots=True, repr=False)
class Applicant:
    """What is known of a member. Never leaves this service.

    Everything but `months_known` looks back six months; what is not known is None. A delay is in
    whole months, amounts in minor units of the line's currency; `repaid_monthly_minor` is the
    average of the months.
    """

    member_id: str
    months_known: int
    late_months: int
    worst_delay_months: int
    utilisation_percent: int
    declared_limit_minor: int
    latest_delay_months: int | None = None
    repaid_monthly_minor: int | None = None

    def applies(self, application_id: str) -> "Application":
        """Asking for credit, under an id that names this request for ever."""
        return Application(application_id=application_id, **asdict(self))

    def __repr__(self) -> str:
        """Nothing that is known of a member: a representation may end in a log."""
        return f"{type(self).__name__}()"


@dataclass(frozen=True, slots=True, repr=False)
class Application(Applicant):
    """An applicant who asks for credit. Never leaves this service.

    `application_id` names this request for ever: asked twice, it is still one application.
    `unpaid_bills` counts bills towards which nothing was paid.
    """

    application_id: str = field(kw_only=True)
    unpaid_bills: int | None = None

    def __repr__(self) -> str:
        """Which application, and nothing that is known of its member."""
        return f"Application({self.application_id!r})"


@dataclass(frozen=True, slots=True)
class Assessment:
    """A provider's verdict. Points and reasons stay in this service's database; only the decision travels.

    A limit of 0 is a refusal. `reasons` are codes of `credit.reasons`, the weightiest first.
    """

    points: int = field(repr=False)
    limit_minor: int
    reasons: tuple[str, ...]
    provider: str
    valid_for: timedelta

    @property
    def admits(self) -> bool:
        """Whether the member may enjoy first."""
        return self.limit_minor > 0


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No verdict. It admits no member, is not held against them, and may be asked for again."""

    reason: UnavailableReason


class CreditProvider(Protocol):
    """Assesses applications. Called by a job, never inside a transaction."""

    async def assess(self, application: Application, *, asked_before: bool = False) -> Assessment | Unavailable:
        """Judge one application, in bounded time.

        `asked_before` means that this very application may have reached the provider already: an
        earlier try ended as `Unavailable`, for whatever reason, or its process died. Then it is
        queried first, and sent again only when the provider does not know it.
        """
        ...

    async def aclose(self) -> None:
        """Close connections; safe to call twice."""
        ...
