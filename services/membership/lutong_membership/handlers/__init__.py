"""What membership reacts to, in the order of the story: requests, orders, terms and what they come to, repayments,
coupons."""

from lutong_chassis import Handlers
from lutong_membership.handlers import coupons, orders, repayments, requests, terms

handlers = Handlers()
for _room in (requests, orders, terms, repayments, coupons):
    for _event, _handler in _room.handlers.by_type.items():
        handlers.on(_event)(_handler)
