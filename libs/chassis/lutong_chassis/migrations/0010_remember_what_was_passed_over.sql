-- Where each type of event that nobody here handles was passed over first, by partition. A later version that handles the
-- type reads on from there, and then the row goes. `known` is whether the version that wrote the row had the type in its contracts.
CREATE TABLE passed_over (
    topic      text NOT NULL,
    partition  integer NOT NULL,
    type       text NOT NULL,
    first      bigint NOT NULL,
    known      boolean NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, type)
);
