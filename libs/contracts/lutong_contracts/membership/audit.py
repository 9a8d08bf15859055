"""What membership publishes of its audit."""

from lutong_contracts.audit import AuditedAction
from lutong_contracts.event import Event
from lutong_contracts.topics import MEMBERSHIP_AUDIT


class ActionAudited(AuditedAction, Event, topic=MEMBERSHIP_AUDIT, key="subject"):
    """Membership wrote a row of its audit: for systems outside of the suite."""
