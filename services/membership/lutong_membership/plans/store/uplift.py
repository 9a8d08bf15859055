"""Members who came to a merchant's plan, and what they did in a window: what uplift is measured from."""

from typing import Final

from lutong_chassis import Tx
from lutong_membership.plans.domain.uplift import Member
from lutong_membership.plans.domain.versions import Window

_EXPOSED: Final = """
WITH exposed AS (
    SELECT member_id, holdout, drawn_at, greatest(drawn_at, $3) AS counted_from
      FROM arm
     WHERE arm.merchant_id = $1 AND arm.plan_id = $2 AND drawn_at < $4
), bought AS (
    SELECT exposed.member_id,
           count(*) FILTER (WHERE ended_at >= counted_from) AS orders,
           coalesce(sum(captured_minor) FILTER (WHERE ended_at >= counted_from), 0)::bigint AS paid_minor,
           min(ended_at) AS first_at,
           count(*) FILTER (WHERE ended_at < drawn_at) AS orders_before,
           coalesce(sum(captured_minor) FILTER (WHERE ended_at < drawn_at), 0)::bigint AS paid_before_minor
      FROM exposed JOIN hold ON hold.member_id = exposed.member_id
     WHERE hold.merchant_id = $1 AND hold.state = 'captured' AND ended_at < $4
     GROUP BY exposed.member_id
), joined AS (
    SELECT exposed.member_id,
           count(*) AS consulted,
           count(*) FILTER (WHERE signed_at >= counted_from AND signed_at < $4) AS signed
      FROM exposed JOIN agreement ON agreement.member_id = exposed.member_id
     WHERE agreement.plan_id = $2 AND asked_at >= counted_from AND asked_at < $4
     GROUP BY exposed.member_id
), given AS (
    SELECT exposed.member_id,
           count(*) AS issued,
           count(*) FILTER (WHERE state = 'redeemed' AND changed_at < $4) AS redeemed
      FROM exposed JOIN coupon ON coupon.member_id = exposed.member_id
     WHERE coupon.merchant_id = $1 AND issued_at >= counted_from AND issued_at < $4
     GROUP BY exposed.member_id
)
SELECT exposed.holdout, extract(epoch FROM $4 - counted_from)::float / 86400 AS exposure_days,
       coalesce(orders, 0) AS orders, coalesce(paid_minor, 0) AS paid_minor,
       coalesce(first_at >= counted_from, false) AS first_order_in_window,
       coalesce(consulted, 0) AS consulted, coalesce(signed, 0) AS signed,
       coalesce(issued, 0) AS coupons_issued, coalesce(redeemed, 0) AS coupons_redeemed,
       coalesce(orders_before, 0) AS orders_before, coalesce(paid_before_minor, 0) AS paid_before_minor
  FROM exposed
  LEFT JOIN bought USING (member_id)
  LEFT JOIN joined USING (member_id)
  LEFT JOIN given USING (member_id)
"""


async def exposed_members(tx: Tx, merchant_id: str, plan_id: str, window: Window) -> list[Member]:
    """Members who were drawn into an arm before the window ends, counted from their draw on.

    Orders are those that were delivered by the merchant, under whatever plan, at what was paid for them.
    """
    rows = await tx.fetch(_EXPOSED, merchant_id, plan_id, *window)
    return [
        Member(arm="holdout" if row["holdout"] else "treated", **{k: v for k, v in row.items() if k != "holdout"})
        for row in rows
    ]
