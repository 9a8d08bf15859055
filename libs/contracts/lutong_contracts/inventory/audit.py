"""The audit of inventory, for systems outside of the suite."""

from lutong_contracts.audit import AuditedAction
from lutong_contracts.event import Event
from lutong_contracts.topics import INVENTORY_AUDIT


class ActionAudited(AuditedAction, Event, topic=INVENTORY_AUDIT, key="subject"):
    """Inventory wrote a row of its audit: for systems outside of the suite."""
