-- An order that several locations serve is several rows, one for each part. The first has the id of the order, the others one
-- that follows from it; `part_of` is the order, and NULL where one location serves all of it.
-- `open_part` ends with the part. The release before does not know it, and must not end a part: it would publish the end of an order.
ALTER TABLE customer_order
    ADD part_of   text,
    ADD open_part boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT customer_order_part_check CHECK (NOT open_part OR state NOT IN ('fulfilled', 'cancelled')) NOT VALID;
CREATE INDEX order_part ON customer_order (part_of) WHERE part_of IS NOT NULL;

-- How many locations may serve one order of a merchant: one, where there is no row.
CREATE TABLE sourcing_rule (
    merchant_id text PRIMARY KEY,
    parts_max   integer NOT NULL CHECK (parts_max BETWEEN 1 AND 4)
);
