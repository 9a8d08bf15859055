-- Where merchants serve, as inventory publishes it, and how much of what is there: what cards show is joined when they are read, so that a
-- shelf that is empty is one row, however many cards lead to it. Cells are tenths of a degree, south and west of the place.
CREATE TABLE location (
    merchant_id  text NOT NULL,
    location_id  text NOT NULL,
    revision     integer NOT NULL,
    kind         text NOT NULL,
    state        text NOT NULL,
    latitude     double precision NOT NULL,
    longitude    double precision NOT NULL,
    cell_south   integer NOT NULL,
    cell_west    integer NOT NULL,
    modes        text NOT NULL,
    radius_m     integer,
    paused_until timestamptz,
    PRIMARY KEY (merchant_id, location_id)
) WITH (fillfactor = 80);
CREATE INDEX location_by_cell ON location (merchant_id, cell_south, cell_west);
CREATE INDEX location_that_sends ON location (merchant_id) WHERE kind <> 'store';

CREATE TABLE shelf_band (
    merchant_id text NOT NULL,
    location_id text NOT NULL,
    sku         text NOT NULL,
    band        text NOT NULL,
    PRIMARY KEY (merchant_id, location_id, sku)
) WITH (fillfactor = 80);
