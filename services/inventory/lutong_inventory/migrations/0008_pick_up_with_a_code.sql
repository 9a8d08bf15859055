-- By what a member picks an order up: the code itself is shown once and kept nowhere.
CREATE TABLE pickup_code (
    order_id   text PRIMARY KEY REFERENCES customer_order,
    salt       bytea NOT NULL,
    digest     bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    tries_left integer NOT NULL CHECK (tries_left >= 0),
    used_at    timestamptz
);
