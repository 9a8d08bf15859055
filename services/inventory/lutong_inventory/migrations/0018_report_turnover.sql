-- What a store took at its counter on a day of its own clock, without orders of the suite, as its merchant reports it.
CREATE TABLE turnover (
    location_id  text NOT NULL REFERENCES location,
    day          date NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    reported_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (location_id, day)
);
