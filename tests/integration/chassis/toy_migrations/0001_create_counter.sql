CREATE TABLE counter (
    counter_id text PRIMARY KEY,
    total      integer NOT NULL CHECK (total > 0),
    places     integer[] NOT NULL
);
