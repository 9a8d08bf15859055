-- What a location is to its merchant: ids are the merchant's own, so `code` is what it is called and `location_id` under what
-- it is stored, which is `merchant:code` where another merchant has the code. No id contains a colon.
ALTER TABLE location
    -- The table is written anew: it has some ten thousand rows.
    -- squawk-ignore adding-field-with-default
    ADD code           text GENERATED ALWAYS AS (regexp_replace(location_id, '^.*:', '')) STORED,
    ADD datum          text NOT NULL DEFAULT 'WGS-84',
    ADD zone           text NOT NULL DEFAULT 'Asia/Shanghai',
    ADD opening_hours  text,
    ADD holidays       text NOT NULL DEFAULT '[]',
    ADD cut_off        text,
    ADD daily_capacity integer,
    ADD radius_m       integer,
    ADD modes          text[],
    ADD paused_until   timestamptz,
    ADD closed_at      timestamptz,
    ADD revision       integer NOT NULL DEFAULT 1,
    -- Minutes of the week in which orders are taken, on the clock of the location; NULL is always.
    ADD takes_orders   int4multirange,
    -- Every merchant on a plane of its own, in Mercator's projection: it keeps angles, so what is nearest on the plane is
    -- nearest on the ground, as far as distances around one point are concerned.
    -- squawk-ignore adding-field-with-default
    ADD spot           point GENERATED ALWAYS AS (
        point((hashtext(merchant_id)::bigint & 1048575) * 1000 + longitude,
              degrees(ln(tan(radians(45 + least(greatest(latitude, -89), 89) / 2)))))
    ) STORED;
CREATE UNIQUE INDEX location_code ON location (merchant_id, code);
CREATE INDEX location_by_code ON location (code);
CREATE INDEX location_around ON location USING gist (spot) WHERE kind = 'store' AND open AND closed_at IS NULL;
CREATE INDEX location_beside_stores ON location (merchant_id) WHERE kind = 'flagship' AND open AND closed_at IS NULL;

-- A distribution centre fills the shelves of the others.
ALTER TABLE location
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT location_kind_check,
    ADD CONSTRAINT location_kind_check CHECK (kind IN ('store', 'flagship', 'distribution_centre')) NOT VALID;

-- Days on which other times hold: minutes of the day, none when it is closed.
CREATE TABLE location_holiday (
    location_id  text NOT NULL REFERENCES location,
    day          date NOT NULL,
    takes_orders int4multirange NOT NULL,
    PRIMARY KEY (location_id, day)
);
