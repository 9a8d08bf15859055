"""What members, merchants and operators ask of membership. No answer carries a score."""

from lutong_chassis import routes
from lutong_membership.http import agreements, coupons, members, money, operators, plans

router = routes("membership")
for _room in (plans, members, agreements, coupons, money, operators):
    router.include_router(_room.router)
