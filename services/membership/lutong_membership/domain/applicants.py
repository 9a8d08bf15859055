"""What is known of members who ask for credit. Pure."""

from dataclasses import asdict, dataclass

from lutong_membership.credit.values import Application


@dataclass(frozen=True, slots=True)
class Applicant:
    """What is known of a member. Never leaves this service. What is not known is None."""

    member_id: str
    months_known: int
    late_months: int
    worst_delay_months: int
    utilisation_percent: int
    declared_limit_minor: int
    latest_delay_months: int | None = None
    repaid_monthly_minor: int | None = None

    def applies(self, application_id: str) -> Application:
        """Asking for credit, under an id that names this request for ever."""
        return Application(application_id=application_id, **asdict(self))
