"""What members ask of their orders."""

from typing import NamedTuple


class AnswerOffer(NamedTuple):
    """A member agrees that the flagship sends an order, or does not."""

    order_id: str
    member_id: str
    accepts: bool
