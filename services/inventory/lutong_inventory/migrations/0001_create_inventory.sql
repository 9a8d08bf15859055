-- Where goods are. `position` puts every merchant's locations on a plane of their own, far from all
-- others, so that one index answers "the nearest of this merchant".
CREATE TABLE location (
    location_id text PRIMARY KEY,
    merchant_id text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('store', 'flagship')),
    name        text NOT NULL,
    latitude    double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude   double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    open        boolean NOT NULL DEFAULT true,
    position    point NOT NULL GENERATED ALWAYS AS (
                    point((hashtext(merchant_id)::bigint & 1048575) * 1000 + longitude, latitude)
                ) STORED
);
CREATE UNIQUE INDEX location_flagship ON location (merchant_id) WHERE kind = 'flagship' AND open;
CREATE INDEX location_nearest ON location USING gist (position) WHERE kind = 'store' AND open;

-- Units of a SKU at a location. `reserved` is promised to orders; `safety_stock` is never promised,
-- because a store's count is never quite right.
CREATE TABLE shelf (
    location_id  text NOT NULL REFERENCES location,
    sku          text NOT NULL,
    on_hand      integer NOT NULL,
    reserved     integer NOT NULL DEFAULT 0,
    safety_stock integer NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    PRIMARY KEY (location_id, sku),
    CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 70);

-- Why a shelf is as it is: its columns are the sum of its movements.
CREATE TABLE movement (
    movement_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    location_id    text NOT NULL,
    sku            text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('counted', 'received', 'reserved', 'released', 'shipped')),
    on_hand_delta  integer NOT NULL,
    reserved_delta integer NOT NULL,
    order_id       text,
    moved_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX movement_by_shelf ON movement (location_id, sku);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'movements are immutable: correct them with a new one';
END
$$;
CREATE TRIGGER movement_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON movement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- An order, from the moment its credit is held. 'order' alone is a word of SQL.
CREATE TABLE customer_order (
    order_id       text PRIMARY KEY,
    merchant_id    text NOT NULL,
    member_id      text NOT NULL,
    post_id        text NOT NULL,
    program_id     text NOT NULL,
    amount_minor   bigint NOT NULL,
    currency       text NOT NULL,
    mode           text NOT NULL CHECK (mode IN ('delivery', 'pickup')),
    lines          text NOT NULL,
    state          text NOT NULL CHECK (state IN ('sourced', 'accepted', 'picked', 'ready_for_pickup', 'handed_over',
                                                  'fulfilled', 'rejected', 'cancelled')),
    location_id    text,
    location_kind  text,
    distance_m     integer,
    accept_by      timestamptz,
    reason         text,
    correlation_id text NOT NULL,
    causation_id   text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX order_by_location ON customer_order (location_id, state, order_id);

-- What is set aside for an order, once per SKU.
CREATE TABLE reservation (
    order_id    text NOT NULL REFERENCES customer_order,
    sku         text NOT NULL,
    location_id text NOT NULL,
    units       integer NOT NULL CHECK (units > 0),
    state       text NOT NULL CHECK (state IN ('open', 'shipped', 'released')),
    PRIMARY KEY (order_id, sku)
) WITH (fillfactor = 80);

-- Orders that their members cancelled before they came here: the word may overtake the deed.
CREATE TABLE recall (
    order_id    text PRIMARY KEY,
    recalled_at timestamptz NOT NULL DEFAULT now()
);
