-- Whose sale an order was: what a store is credited with, and what refunds take back. Rows are added, and never changed.
CREATE TABLE sales_entry (
    order_id     text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('sold', 'refunded')),
    reference    text NOT NULL,
    merchant_id  text NOT NULL,
    location_id  text NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL,
    reason       text NOT NULL,
    booked_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, kind, reference),
    CHECK (CASE kind WHEN 'sold' THEN amount_minor >= 0 ELSE amount_minor <= 0 END)
);
CREATE INDEX sales_of_merchant ON sales_entry (merchant_id, booked_at);
CREATE INDEX sales_of_location ON sales_entry (location_id, booked_at, order_id);

CREATE FUNCTION refuse_other_sales() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an entry of sales never changes: book the opposite';
END
$$;
CREATE TRIGGER sales_entry_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON sales_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_sales();

-- Whose staff led the member to the order, when the order named a location; and by what the member agreed to the flagship beforehand.
ALTER TABLE customer_order
    ADD sold_by        text,
    ADD flagship_ok_by text;

-- What was fulfilled before: to the location that shipped it.
INSERT INTO sales_entry (order_id, kind, reference, merchant_id, location_id, currency, amount_minor, reason, booked_at)
SELECT order_id, 'sold', order_id, merchant_id, location_id, currency, amount_minor, 'shelf', changed_at
  FROM customer_order
 WHERE state = 'fulfilled' AND location_id IS NOT NULL;
INSERT INTO sales_entry (order_id, kind, reference, merchant_id, location_id, currency, amount_minor, reason, booked_at)
SELECT order_id, 'refunded', regexp_replace(refund_id, '^.*:', ''), merchant_id, location_id, currency, -refund.amount_minor, 'shelf', refunded_at
  FROM refund JOIN customer_order USING (order_id)
 WHERE state = 'fulfilled' AND location_id IS NOT NULL AND refund.amount_minor > 0;
