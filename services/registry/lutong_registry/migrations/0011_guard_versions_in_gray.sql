-- What came of taps and orders, of a version in gray and of its control, at each of its stages.
CREATE TABLE gray_count (
    program_id     text NOT NULL,
    number         integer NOT NULL,
    stage          integer NOT NULL,
    metric         text NOT NULL,
    gray_trials    bigint NOT NULL CHECK (gray_trials >= 0),
    gray_hits      bigint NOT NULL CHECK (gray_hits BETWEEN 0 AND gray_trials),
    control_trials bigint NOT NULL CHECK (control_trials >= 0),
    control_hits   bigint NOT NULL CHECK (control_hits BETWEEN 0 AND control_trials),
    PRIMARY KEY (program_id, number, stage, metric),
    FOREIGN KEY (program_id, number) REFERENCES version
);

-- Taps that may become orders. Who tapped what is a hash with the salt of the version, and is forgotten when it leaves gray.
CREATE TABLE gray_tap (
    program_id text NOT NULL,
    number     integer NOT NULL,
    key        text NOT NULL,
    stage      integer NOT NULL,
    in_gray    boolean NOT NULL,
    ordered    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (program_id, number, key)
);

-- Orders of which something may become known, until the version leaves gray.
CREATE TABLE gray_order (
    order_id   text PRIMARY KEY,
    program_id text NOT NULL,
    number     integer NOT NULL,
    stage      integer NOT NULL,
    in_gray    boolean NOT NULL,
    fulfilled  boolean NOT NULL DEFAULT false,
    rejected   boolean NOT NULL DEFAULT false,
    short      boolean NOT NULL DEFAULT false,
    refunded   boolean NOT NULL DEFAULT false
);
CREATE INDEX gray_order_by_version ON gray_order (program_id, number);
