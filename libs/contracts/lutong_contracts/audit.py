"""The facts of an audit row that services publish: who did what to which subject, without the values that changed."""

from typing import Annotated

from pydantic import Field, StringConstraints

from lutong_contracts.values import Text, Value


class AuditedAction(Value):
    """Facts of one audit row: `audit_id` is its number in the service's table, `fields` are the names of what changed."""

    audit_id: int = Field(ge=1)
    actor: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    role: Annotated[str, StringConstraints(max_length=16)]
    action: Annotated[str, StringConstraints(max_length=80)]
    subject: Annotated[Text, StringConstraints(min_length=1, max_length=400)]
    fields: tuple[str, ...] = Field(default=(), max_length=100)
    reason: Annotated[Text, StringConstraints(max_length=500)] | None = None
    request_id: Annotated[str, StringConstraints(max_length=64)] | None = None
