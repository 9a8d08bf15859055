// Package chain has the rules and statements of tests/bench/chain.py: the same SQL, for a batch in a transaction.
package chain

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Order is an order as it travels: the same fields on every hop.
type Order struct {
	OrderID     string  `json:"order_id"`
	MemberID    string  `json:"member_id"`
	SKU         string  `json:"sku"`
	Units       int32   `json:"units"`
	AmountMinor int64   `json:"amount_minor"`
	PlacedAt    float64 `json:"placed_at"`
}

// Step is Hold, Reserve or Capture: it gives the orders it let through.
type Step func(context.Context, pgx.Tx, []Order) ([]Order, error)

// Of gives the steps of a service, by the short name of the topic they read.
func Of(service string) map[string]Hop {
	if service == "credit" {
		return map[string]Hop{"placed": {Hold, "held"}, "reserved": {Capture, "captured"}}
	}
	return map[string]Hop{"held": {Reserve, "reserved"}}
}

// Hop is a step and the short name of the topic it writes.
type Hop struct {
	Step Step
	To   string
}

const lockAccounts = `
	SELECT member_id, limit_minor - held_minor - owed_minor FROM account
	 WHERE member_id = ANY ($1) ORDER BY member_id FOR NO KEY UPDATE`

const moveToHeld = `
	UPDATE account SET held_minor = held_minor + amount
	  FROM unnest($1::text[], $2::bigint[]) AS moved(member, amount) WHERE member_id = member`

const insertHolds = `
	INSERT INTO hold (order_id, member_id, amount_minor, state, placed_at)
	SELECT order_id, member_id, amount_minor, 'held', placed_at
	  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::float[]) AS o(order_id, member_id, amount_minor, placed_at)`

// Hold holds each order's amount on its member's account; gives the orders that fitted.
func Hold(ctx context.Context, tx pgx.Tx, orders []Order) ([]Order, error) {
	member := func(order Order) string { return order.MemberID }
	amount := func(order Order) int64 { return order.AmountMinor }
	available, err := lock(ctx, tx, lockAccounts, distinct(orders, member))
	if err != nil {
		return nil, err
	}
	fitting, moved := decide(orders, available, member, amount)
	names, amounts := columns(moved)
	if _, err := tx.Exec(ctx, moveToHeld, names, amounts); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, insertHolds, Column(fitting, orderID), Column(fitting, member), Column(fitting, amount),
		Column(fitting, func(order Order) float64 { return order.PlacedAt }))
	return fitting, err
}

const lockShelves = `
	SELECT sku, on_hand - reserved FROM shelf WHERE sku = ANY ($1) ORDER BY sku FOR NO KEY UPDATE`

const moveToReserved = `
	UPDATE shelf SET reserved = reserved + units
	  FROM unnest($1::text[], $2::bigint[]) AS moved(name, units) WHERE sku = name`

const insertReservations = `INSERT INTO reservation SELECT * FROM unnest($1::text[], $2::text[], $3::integer[])`

// Reserve reserves each order's units; gives the orders that there was stock for.
func Reserve(ctx context.Context, tx pgx.Tx, orders []Order) ([]Order, error) {
	sku := func(order Order) string { return order.SKU }
	available, err := lock(ctx, tx, lockShelves, distinct(orders, sku))
	if err != nil {
		return nil, err
	}
	fitting, taken := decide(orders, available, sku, func(order Order) int64 { return int64(order.Units) })
	names, units := columns(taken)
	if _, err := tx.Exec(ctx, moveToReserved, names, units); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, insertReservations, Column(fitting, orderID), Column(fitting, sku),
		Column(fitting, func(order Order) int32 { return order.Units }))
	return fitting, err
}

const endHolds = `
	UPDATE hold SET state = 'captured', captured_at = clock_timestamp()
	 WHERE order_id = ANY ($1) AND state = 'held' RETURNING order_id, member_id, amount_minor`

const moveToOwed = `
	UPDATE account SET held_minor = held_minor - amount, owed_minor = owed_minor + amount
	  FROM (SELECT * FROM unnest($1::text[], $2::bigint[]) AS given(member, amount) ORDER BY member) AS moved
	 WHERE member_id = member`

// Capture turns what is held for each order into what is owed; gives the orders whose hold was open.
func Capture(ctx context.Context, tx pgx.Tx, orders []Order) ([]Order, error) {
	byID := make(map[string]Order, len(orders))
	for _, order := range orders {
		byID[order.OrderID] = order
	}
	rows, err := tx.Query(ctx, endHolds, Column(orders, orderID))
	if err != nil {
		return nil, err
	}
	var captured []Order
	owed := map[string]int64{}
	var id, member string
	var amount int64
	_, err = pgx.ForEachRow(rows, []any{&id, &member, &amount}, func() error {
		captured = append(captured, byID[id])
		owed[member] += amount
		return nil
	})
	if err != nil {
		return nil, err
	}
	names, amounts := columns(owed)
	_, err = tx.Exec(ctx, moveToOwed, names, amounts)
	return captured, err
}

// Column is one field of many values, as a statement takes it.
func Column[T, V any](all []T, field func(T) V) []V {
	column := make([]V, len(all))
	for n, one := range all {
		column[n] = field(one)
	}
	return column
}

func orderID(order Order) string { return order.OrderID }

// lock locks rows in the order of their keys, and gives what is available of each.
func lock(ctx context.Context, tx pgx.Tx, sql string, names []string) (map[string]int64, error) {
	rows, err := tx.Query(ctx, sql, names)
	if err != nil {
		return nil, err
	}
	available := make(map[string]int64, len(names))
	var name string
	var left int64
	_, err = pgx.ForEachRow(rows, []any{&name, &left}, func() error {
		available[name] = left
		return nil
	})
	return available, err
}

// decide gives the orders that fit, one after the other, and what they take together by name.
func decide(
	orders []Order, available map[string]int64, name func(Order) string, needed func(Order) int64,
) ([]Order, map[string]int64) {
	fitting := make([]Order, 0, len(orders))
	taken := map[string]int64{}
	for _, order := range orders {
		if available[name(order)] >= needed(order) {
			available[name(order)] -= needed(order)
			taken[name(order)] += needed(order)
			fitting = append(fitting, order)
		}
	}
	return fitting, taken
}

func distinct(orders []Order, name func(Order) string) []string {
	names := Column(orders, name)
	slices.Sort(names)
	return slices.Compact(names)
}

func columns(amounts map[string]int64) ([]string, []int64) {
	names := slices.Sorted(maps.Keys(amounts))
	return names, Column(names, func(name string) int64 { return amounts[name] })
}
