"""What is read of each service: its tables, by name, with the columns that identities look at."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from lutong_contracts import TOPICS


class Table(NamedTuple):
    """A table as it is read from PostgreSQL, and as a look keeps it: under the same names."""

    sql: str
    columns: tuple[str, ...]


def _table(source: str, columns: str) -> Table:
    """`columns` of `source`, which may go on with an order; a computed one has its name after AS."""
    return Table(
        f"SELECT {columns} FROM {source}",
        tuple(column.rpartition(" AS ")[2].strip().strip('"') for column in columns.split(",")),
    )


_COMMON: Final = {
    "outbox": _table("outbox ORDER BY id", "id, event_id::text AS event_id, topic, key, type, payload, written_at"),
    "pending": _table("pending", "shard, id"),
    "inbox": _table("inbox", 'source, id, type, topic, partition, "offset", key, received_at'),
    "quiet": _table("quiet", "since AS began_at, made_at, ended_at"),
    "parked": _table(
        "parked ORDER BY id", 'id, state, topic, partition, "offset", key, event_id, reason, error, value'
    ),
    "deadline": _table("deadline", "event_id::text AS event_id, type, key, due_at, now() AS read_at"),
    "passed_over": _table("passed_over", "topic, partition, type, first"),
    "idempotency": _table("idempotency", "key, body"),
    "audit": _table("audit ORDER BY id", "id, at, actor, role, action, subject, before, after, reason, request_id"),
}
_RELEASED: Final = "(SELECT number FROM version WHERE version.program_id = program.program_id AND state = 'released')"
_PLACE: Final = "(extract(epoch FROM published_at) * 1e6)::bigint"
_OWN: Final = {
    "feed": {
        "card": _table("card", "post_id, state, program_id, reason"),
        "post": _table(
            "post",
            "post_id, deleted_at IS NOT NULL AS is_deleted, "
            "deleted_at IS NOT NULL AND (text <> '' OR program_id IS NOT NULL OR EXISTS "
            "(SELECT FROM post_revision WHERE post_revision.post_id = post.post_id)) AS is_readable, "
            f"author_id, {_PLACE} AS place, number, fanned",
        ),
        "program_grant": _table("program_grant", "program_id, granted, enforced, revision"),
        "follow": _table("follow WHERE pushed", "follower_id AS reader_id, followee_id AS author_id"),
        "timeline_reader": _table(
            "timeline_reader",
            "reader_id, CASE floor_at WHEN 'infinity' THEN 9e18 WHEN '-infinity' THEN -9e18 "
            "ELSE extract(epoch FROM floor_at) * 1e6 END::bigint AS floor, floor_number",
        ),
        "timeline_entry": _table("timeline_entry", f"reader_id, post_id, {_PLACE} AS place, number"),
        "counter": _table("counter", "post_id, taps, solved, fulfilled"),
        "interaction_count": _table("interaction_count", "post_id, placement, kind, times"),
        "account_reads": _table("account_reads", "month::text AS month, account_id, reads"),
        "account_seen": _table(
            "(SELECT month, account_id, sum(n)::bigint AS n FROM ("
            "SELECT date_trunc('month', happened_at AT TIME ZONE 'Asia/Shanghai')::date AS month, author_id AS account_id, count(*) AS n "
            "FROM interaction_fact JOIN post USING (post_id) WHERE kind = 'impression' GROUP BY 1, 2 "
            "UNION ALL SELECT month, account_id, reads FROM account_reads_before) AS each GROUP BY 1, 2) AS seen",
            "month::text AS month, account_id, n",
        ),
        "slot_allowance": _table("slot_allowance", "spend_id, placement, pv, used, closed_at IS NOT NULL AS is_closed"),
        "slot_impression": _table("slot_impression GROUP BY 1", "spend_id, count(*) AS n"),
        "order_credit": _table("order_credit", "order_id, viewer_id, placement, post_id, view_placement, view_post_id"),
        "program": _table("program", "program_id, version, suspended_for, offline_for, gray, hosted, promotable"),
        "request": _table("service_request", "order_id, viewer_id, post_id, program_id, total_minor, currency, status"),
    },
    "registry": {
        "program": _table("program", f"program_id, suspended_for, {_RELEASED} AS version"),
        "program_grant": _table("program_grant", "program_id, granted, enforced, revision"),
        "version": _table("version", "program_id, number, state, audience::text AS audience"),
        "discovery": _table("discovery", "post_id, program_id, reason"),
        "usage": _table("usage", "program_id, opened, solved, fulfilled"),
        "light_template_version": _table("light_template_version", "template_id, number, state, body"),
        "light_store": _table(
            "light_store",
            "template_id, store_id, program_id, name, hours, city, overrides, edits, version, program_version, digest AS sha256, attached",
        ),
        "light_version": _table(
            "light_store JOIN version ON version.program_id = light_store.program_id AND number = program_version",
            "light_store.program_id AS program_id, number, manifest::text AS manifest",
        ),
        "push": _table("push", "push_id, account_id, state, counts_at, policy_id, number, delivered"),
        "push_policy": _table("push_policy", "policy_id, kind, quota"),
        "push_window": _table("push_window", "account_id, starts_at, used"),
        "program_day": _table(
            "program_day", "program_id, day::text AS day, opened, solved, fulfilled, users, adjusted"
        ),
        "usage_active": _table("usage_active GROUP BY 1, 2", "program_id, day::text AS day, count(*) AS users"),
        "usage_hour": _table(
            "(SELECT program_id, kind, date_trunc('hour', happened_at) AS hour_at, count(*) AS n "
            "FROM usage_fact GROUP BY 1, 2, 3) AS used",
            "program_id, kind, hour_at, n",
        ),
        "traffic_account": _table(
            "traffic_account", "program_id, granted, spent, expired, reversed, available, held, debt"
        ),
        "traffic_entry": _table("traffic_entry", "entry_id, program_id, kind, debit, credit, pv"),
        "traffic_earned": _table("traffic_uv GROUP BY 1, 2", "program_id, outcome, sum(pv)::bigint AS pv"),
        "traffic_lot": _table("traffic_lot", "program_id, remaining"),
        "traffic_spend": _table(
            "traffic_spend",
            "program_id, spend_id, state, pv, used, promotion_id, reserved_at > now() - interval '30 days' AS is_recent",
        ),
    },
    "membership": {
        "program_grant": _table("program_grant", "program_id, granted, enforced, revision"),
        "line": _table(
            "credit_line",
            "member_id, currency, limit_minor, target_minor, held_minor, owed_minor, charged_minor, uncovered_minor, "
            "credit_minor, entries, head",
        ),
        "hold": _table(
            "hold",
            "order_id, member_id, merchant_id, agreement_id, coupon_id, currency, state, reason, amount_minor, "
            "captured_minor, total_minor, discount_minor, coupon_minor, benefit_minor, placed_at, expires_at, ended_at, "
            "now() AS read_at",
        ),
        "entry": _table(
            "entry ORDER BY entry_id",
            "entry_id, kind, member_id, order_id, currency, at, agreement_id, debt_id, reference, number, "
            "previous_hash, hash",
        ),
        "posting": _table("posting ORDER BY entry_id, account", "entry_id, account, amount_minor"),
        "agreement": _table(
            "agreement JOIN plan USING (plan_id)",
            "agreement_id, member_id, plan_id, agreement.version AS version, state, currency, free, charge_minor, step, "
            "signed_at, ends_at, settle_at, grace_ends_at, step_due_at, now() AS read_at",
        ),
        "plan": _table("plan_version", "plan_id, version, terms"),
        "accrual": _table(
            "accrual ORDER BY recorded_at, accrual_id",
            "accrual_id, agreement_id, kind, at, times, amount_minor, benefit_minor, order_id, right_id, cites, effect",
        ),
        "debt": _table(
            "debt", "debt_id, agreement_id, member_id, currency, kind, amount_minor, outstanding_minor, due_at"
        ),
        "deduction": _table(
            "deduction",
            "deduction_id, agreement_id, debt_id, member_id, currency, amount_minor, notified_at, not_before, attempt, "
            "state, reason, sent_at",
        ),
        "repayment": _table(
            "repayment",
            "repayment_id, member_id, currency, amount_minor, state, claimed_by, evidence, bank, reference, decided_by",
        ),
        "decision": _table(
            "decision",
            "decision_id, kind, member_id, currency, amount_minor, decided_by, approved_by, member_limit_minor, "
            "operator_limit_minor, counted_since, at",
        ),
        "proposal": _table("proposal", "proposal_id, kind, amount_minor, proposed_by, state, decided_by"),
        "coupon": _table("coupon", "coupon_id, stock_id, member_id, state, agreement_id, order_id"),
        "stock": _table("coupon_stock", "stock_id, total, issued"),
        "job": _table("assessment_job", "agreement_id, give_up_at, now() AS read_at"),
        "waiting": _table("waiting_request", "order_id, agreement_id"),
    },
    "inventory": {
        "shelf": _table(
            "shelf LEFT JOIN location USING (location_id)",
            "location_id, sku, on_hand, reserved, safety_stock, unavailable, depleted, band, merchant_id, code",
        ),
        "movement": _table(
            "movement ORDER BY movement_id",
            "movement_id, location_id, sku, kind, on_hand_delta, reserved_delta, unavailable_delta, order_id, reference",
        ),
        "customer_order": _table(
            "customer_order",
            "order_id, part_of, member_id, merchant_id, amount_minor, refunded_minor, currency, state, location_id, "
            "CASE WHEN part_of IS NOT NULL THEN lines END AS lines",
        ),
        "provision": _table(
            "provision",
            "order_id, member_id, merchant_id, amount_minor, refunded_minor, currency, state, reference, reason, "
            "CASE WHEN state <> 'done' THEN 0 WHEN done_minor IS NULL THEN amount_minor ELSE done_minor END AS paid_minor",
        ),
        "refund": _table("refund", "refund_id, order_id, amount_minor"),
        "sourcing_decision": _table("sourcing_decision ORDER BY order_id, hop", "order_id, hop, location_id"),
        "pickup_code": _table("pickup_code", "order_id, used_at IS NOT NULL AS used"),
        "reservation": _table("reservation", "order_id, sku, location_id, units, state"),
        "sales_entry": _table(
            "sales_entry", "order_id, kind, reference, merchant_id, location_id, currency, amount_minor, reason"
        ),
        "slot": _table("slot", "slot_id, location_id, capacity, held, booked"),
        "slot_hold": _table("slot_hold", "hold_id, slot_id, member_id, state, expires_at, order_id, now() AS read_at"),
        "transfer": _table("transfer", "transfer_id, from_location, to_location, state"),
        "transfer_line": _table("transfer_line", "transfer_id, sku, units, received, lost"),
    },
}
TABLES: Final[Mapping[str, Mapping[str, Table]]] = {service: {**_COMMON, **own} for service, own in _OWN.items()}
SERVICES: Final = tuple(TABLES)

COMPACTED: Final = frozenset(topic.name for topic in TOPICS if topic.compacted)
"""Of each key these topics keep the last event, for good: what came before may be there, or not."""


def listed(names: frozenset[str] | tuple[str, ...] | set[str]) -> str:
    """Names of our own code as SQL lists them: `'a', 'b'`."""
    return ", ".join(f"'{name}'" for name in sorted(names))


def is_moment(column: str) -> bool:
    """Whether a column holds moments: all are named alike."""
    return column == "at" or column.endswith("_at") or column in {"counted_since", "not_before"}
