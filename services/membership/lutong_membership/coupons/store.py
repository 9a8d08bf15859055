"""Coupons and their stocks: stocks are locked in key order, coupons move from one state to the next."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_membership.coupons.domain import Coupon, Stock

_COUPON: Final = ", ".join(f"coupon.{name}" for name in Coupon.__dataclass_fields__)
_STOCK: Final = ", ".join(Stock.__dataclass_fields__)


class Recipient(NamedTuple):
    """A member who is given coupons of a stock."""

    stock_id: str
    member_id: str


class IssuedCoupon(NamedTuple):
    """A coupon, and when it was issued."""

    coupon: Coupon
    issued_at: datetime


class StockCount(NamedTuple):
    """How many coupons were taken from a stock, in all and on the day `today`."""

    stock_id: str
    issued: int
    issued_today: int
    today: date | None


def _coupon(row: asyncpg.Record) -> Coupon:
    return Coupon(**{name: row[name] for name in Coupon.__dataclass_fields__})


async def lock_coupons(tx: Tx, coupon_ids: Iterable[str]) -> dict[str, Coupon]:
    """Coupons by id, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {_COUPON} FROM coupon WHERE coupon_id = ANY ($1) ORDER BY coupon_id FOR NO KEY UPDATE",
        sorted(set(coupon_ids)),
    )
    return {row["coupon_id"]: _coupon(row) for row in rows}


async def save_coupons(tx: Tx, coupons: Sequence[Coupon]) -> None:
    """Write coupons that are new or went on."""
    if not coupons:
        return
    rows = [tuple(getattr(coupon, name) for name in Coupon.__dataclass_fields__) for coupon in coupons]
    await tx.execute(
        f"""
        INSERT INTO coupon ({", ".join(Coupon.__dataclass_fields__)})
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                      $8::timestamptz[], $9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[])
            ON CONFLICT (coupon_id) DO UPDATE
           SET state = excluded.state, order_id = excluded.order_id, changed_at = now()
        """,
        *columns(sorted(rows), 13),
    )


async def lock_stocks(tx: Tx, stock_ids: Iterable[str]) -> dict[str, Stock]:
    """Stocks of coupons by id, locked in key order."""
    rows = await tx.fetch(
        f"SELECT {_STOCK} FROM coupon_stock WHERE stock_id = ANY ($1) ORDER BY stock_id FOR NO KEY UPDATE",
        sorted(set(stock_ids)),
    )
    return {row["stock_id"]: Stock(**dict(row)) for row in rows}


async def save_stocks(tx: Tx, stocks: Sequence[Stock]) -> None:
    """Write how many coupons were taken from locked stocks."""
    in_key_order = sorted(stocks, key=lambda stock: stock.stock_id)
    rows = [StockCount(stock.stock_id, stock.issued, stock.issued_today, stock.today) for stock in in_key_order]
    await tx.execute(
        """
        UPDATE coupon_stock
           SET issued = given.issued, issued_today = given.issued_today, today = given.today
          FROM unnest($1::text[], $2::integer[], $3::integer[], $4::date[])
               AS given(stock_id, issued, issued_today, today)
         WHERE coupon_stock.stock_id = given.stock_id
        """,
        *columns(rows, 4),
    )


async def put_stock(tx: Tx, stock: Stock) -> bool:
    """Create a stock, or change its bounds; gives whether that could be done: it is the same merchant's, for the same price."""
    return bool(
        await tx.fetchval(
            """
            INSERT INTO coupon_stock AS known (stock_id, merchant_id, currency, amount_off_minor, minimum_minor, total,
                                               daily_total, member_total, valid_days, zone, paused)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                ON CONFLICT (stock_id) DO UPDATE
               SET total = excluded.total, daily_total = excluded.daily_total, member_total = excluded.member_total,
                   valid_days = excluded.valid_days, paused = excluded.paused
             WHERE (known.merchant_id, known.currency, known.amount_off_minor, known.minimum_minor, known.zone)
                   = (excluded.merchant_id, excluded.currency, excluded.amount_off_minor, excluded.minimum_minor,
                      excluded.zone)
               AND excluded.total >= known.issued
            RETURNING true
            """,
            stock.stock_id,
            stock.merchant_id,
            stock.currency,
            stock.amount_off_minor,
            stock.minimum_minor,
            stock.total,
            stock.daily_total,
            stock.member_total,
            stock.valid_days,
            stock.zone,
            stock.paused,
        )
    )


async def issued_to(tx: Tx, recipients: Iterable[Recipient]) -> dict[Recipient, int]:
    """How many coupons recipients were given before, those that are gone included."""
    rows = await tx.fetch(
        """
        SELECT stock_id, member_id, count(*) AS n
          FROM coupon JOIN unnest($1::text[], $2::text[]) AS given(stock_id, member_id) USING (stock_id, member_id)
         GROUP BY stock_id, member_id
        """,
        *columns(sorted(set(recipients)), 2),
    )
    return {Recipient(row["stock_id"], row["member_id"]): row["n"] for row in rows}


async def coupons_of(tx: Tx, member_id: str) -> list[IssuedCoupon]:
    """A member's coupons, the latest first."""
    rows = await tx.fetch(
        f"SELECT {_COUPON}, issued_at FROM coupon WHERE member_id = $1 ORDER BY issued_at DESC, coupon_id LIMIT 200",
        member_id,
    )
    return [IssuedCoupon(_coupon(row), row["issued_at"]) for row in rows]


async def stock(tx: Tx, stock_id: str) -> Stock | None:
    """A stock, and how much of it is given out."""
    row = await tx.fetchrow(f"SELECT {_STOCK} FROM coupon_stock WHERE stock_id = $1", stock_id)
    return Stock(**dict(row)) if row else None


async def stocks_of(tx: Reads, merchant_id: str, after: str, limit: int) -> list[Stock]:
    """A merchant's stocks behind an id, in order of id."""
    rows = await tx.fetch(
        f"SELECT {_STOCK} FROM coupon_stock WHERE merchant_id = $1 AND stock_id > $2 ORDER BY stock_id LIMIT $3",
        merchant_id,
        after,
        limit,
    )
    return [Stock(**dict(row)) for row in rows]
