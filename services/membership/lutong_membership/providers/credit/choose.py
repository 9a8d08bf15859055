"""The providers that membership can ask, and the one that the settings choose."""

from dataclasses import dataclass, field
from datetime import timedelta

from lutong_membership.providers.credit.http import HttpCreditProvider
from lutong_membership.providers.credit.scorecard import Scorecard, facts, load
from lutong_membership.providers.credit.settings import CreditSettings
from lutong_membership.providers.credit.values import Application, Assessment, CreditProvider, Unavailable


@dataclass(frozen=True, slots=True)
class ScorecardProvider:
    """The in-house scorecard. Always there, and the same answer for the same facts."""

    card: Scorecard = field(default_factory=load)

    async def assess(self, application: Application, *, asked_before: bool = False) -> Assessment | Unavailable:  # noqa: ARG002  # nothing is ever sent
        """Add up points; see `CreditProvider`."""
        known = facts(application)
        points = self.card.points(known)
        return Assessment(
            points=points,
            limit_minor=self.card.limit_minor(points),
            reasons=self.card.reasons(known),
            provider=self.card.name,
            valid_for=timedelta(days=self.card.valid_days),
        )

    async def aclose(self) -> None:
        """Nothing to close: the scorecard has no connections."""


def provider_of(settings: CreditSettings) -> CreditProvider:
    """The provider that the settings choose. Close it when the process stops."""
    return HttpCreditProvider(settings) if settings.provider == "http" else ScorecardProvider()
