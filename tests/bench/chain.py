"""The order chain that everybody runs: hold credit → reserve stock → capture. The same tables, rules and SQL.

A step takes a batch and a connection in a transaction, and gives the orders it let through. Who calls
it, how often it commits and how the next step learns of it is what the benchmark compares.
"""

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from pydantic import BaseModel

from lutong_chassis import Tx
from lutong_chassis.database import Connection

MEMBERS: Final = 10_000
SKUS: Final = 1_000
LIMIT_MINOR: Final = 10**9
UNITS: Final = 10**8

CREDIT_TABLES: Final = """
CREATE TABLE account (
    member_id text PRIMARY KEY, limit_minor bigint NOT NULL, held_minor bigint NOT NULL DEFAULT 0,
    owed_minor bigint NOT NULL DEFAULT 0, CHECK (held_minor >= 0 AND owed_minor >= 0),
    CHECK (held_minor + owed_minor <= limit_minor)
) WITH (fillfactor = 70);
CREATE TABLE hold (
    order_id text PRIMARY KEY, member_id text NOT NULL, amount_minor bigint NOT NULL, state text NOT NULL,
    placed_at double precision NOT NULL, held_at timestamptz NOT NULL DEFAULT clock_timestamp(), captured_at timestamptz
) WITH (fillfactor = 70);
"""
STOCK_TABLES: Final = """
CREATE TABLE shelf (
    sku text PRIMARY KEY, on_hand bigint NOT NULL, reserved bigint NOT NULL DEFAULT 0,
    CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 70);
CREATE TABLE reservation (order_id text PRIMARY KEY, sku text NOT NULL, units integer NOT NULL);
"""
CREDIT_DATA: Final = (
    f"INSERT INTO account (member_id, limit_minor) SELECT 'm-' || n, {LIMIT_MINOR} FROM generate_series(0, $1 - 1) AS n"
)
STOCK_DATA: Final = f"INSERT INTO shelf (sku, on_hand) SELECT 'sku-' || n, {UNITS} FROM generate_series(0, $1 - 1) AS n"


Step = Callable[[Any, Sequence[Any]], Coroutine[Any, Any, list[Any]]]
"""hold, reserve or capture."""


class Order(BaseModel):
    """An order as it travels: the same fields on every hop."""

    order_id: str
    member_id: str
    sku: str
    units: int
    amount_minor: int
    placed_at: float


def an_order(number: int, placed_at: float, members: int = MEMBERS, skus: int = SKUS) -> Order:
    """Order number so and so."""
    return Order(
        order_id=f"o-{number}",
        member_id=f"m-{number * 7919 % members}",
        sku=f"sku-{number * 104_729 % skus}",
        units=number % 3 + 1,
        amount_minor=(number % 90 + 10) * 100,
        placed_at=placed_at,
    )


async def hold(connection: "Connection | Tx", orders: Sequence[Any]) -> list[Any]:
    """Hold each order's amount on its member's account; gives the orders that fitted."""
    accounts = await connection.fetch(
        """
        SELECT member_id, limit_minor - held_minor - owed_minor AS available
          FROM account
         WHERE member_id = ANY ($1)
         ORDER BY member_id
           FOR NO KEY UPDATE
        """,
        sorted({order.member_id for order in orders}),
    )
    available = {row["member_id"]: row["available"] for row in accounts}
    fitting = []
    for order in orders:
        if available.get(order.member_id, 0) >= order.amount_minor:
            available[order.member_id] -= order.amount_minor
            fitting.append(order)
    held: Counter[str] = Counter()
    for order in fitting:
        held[order.member_id] += order.amount_minor
    await connection.execute(
        """
        UPDATE account SET held_minor = held_minor + amount
          FROM unnest($1::text[], $2::bigint[]) AS moved(member, amount) WHERE member_id = member
        """,
        list(held.keys()),
        list(held.values()),
    )
    await connection.execute(
        """
        INSERT INTO hold (order_id, member_id, amount_minor, state, placed_at)
        SELECT order_id, member_id, amount_minor, 'held', placed_at
          FROM unnest($1::text[], $2::text[], $3::bigint[], $4::float[]) AS o(order_id, member_id, amount_minor, placed_at)
        """,
        [order.order_id for order in fitting],
        [order.member_id for order in fitting],
        [order.amount_minor for order in fitting],
        [order.placed_at for order in fitting],
    )
    return fitting


async def reserve(connection: "Connection | Tx", orders: Sequence[Any]) -> list[Any]:
    """Reserve each order's units; gives the orders that there was stock for."""
    shelves = await connection.fetch(
        "SELECT sku, on_hand - reserved AS available FROM shelf WHERE sku = ANY ($1) ORDER BY sku FOR NO KEY UPDATE",
        sorted({order.sku for order in orders}),
    )
    available = {row["sku"]: row["available"] for row in shelves}
    fitting = []
    for order in orders:
        if available.get(order.sku, 0) >= order.units:
            available[order.sku] -= order.units
            fitting.append(order)
    taken: Counter[str] = Counter()
    for order in fitting:
        taken[order.sku] += order.units
    await connection.execute(
        """
        UPDATE shelf SET reserved = reserved + units
          FROM unnest($1::text[], $2::bigint[]) AS moved(name, units) WHERE sku = name
        """,
        list(taken.keys()),
        list(taken.values()),
    )
    await connection.execute(
        "INSERT INTO reservation SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])",
        [order.order_id for order in fitting],
        [order.sku for order in fitting],
        [order.units for order in fitting],
    )
    return fitting


async def capture(connection: "Connection | Tx", orders: Sequence[Any]) -> list[Any]:
    """Turn what is held for each order into what is owed; gives the orders whose hold was open."""
    by_id = {order.order_id: order for order in orders}
    ended = await connection.fetch(
        """
        UPDATE hold SET state = 'captured', captured_at = clock_timestamp()
         WHERE order_id = ANY ($1) AND state = 'held'
        RETURNING order_id, member_id, amount_minor
        """,
        list(by_id),
    )
    owed: Counter[str] = Counter()
    for row in ended:
        owed[row["member_id"]] += row["amount_minor"]
    await connection.execute(
        """
        UPDATE account SET held_minor = held_minor - amount, owed_minor = owed_minor + amount
          FROM (SELECT * FROM unnest($1::text[], $2::bigint[]) AS given(member, amount) ORDER BY member) AS moved
         WHERE member_id = member
        """,
        list(owed.keys()),
        list(owed.values()),
    )
    return [by_id[row["order_id"]] for row in ended]
