-- What does not move, and what went missing, is written down: whoever asks any replica is told.

-- What a consumer tries again: the records of one partition that are left of its batch. Gone when it goes on; one that
-- was not seen for a while is of a process that died. `guilty` is the offset of a record that fails alone, when known.
CREATE TABLE retrying (
    topic      text NOT NULL,
    partition  integer NOT NULL,
    since      timestamptz NOT NULL,
    attempts   integer NOT NULL,
    error      text NOT NULL,
    guilty     bigint,
    offsets    bigint[] NOT NULL,
    timestamps bigint[] NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);

-- Records that an operator wants skipped. They stay: a copy of the record that is read again is passed over again.
CREATE TABLE skip (
    topic     text NOT NULL,
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    timestamp bigint NOT NULL,
    actor     text NOT NULL,
    reason    text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset", timestamp)
);

-- Events that retention deleted before they were read: from `first` up to, not including, `begin`.
CREATE TABLE missed (
    topic      text NOT NULL,
    partition  integer NOT NULL,
    first      bigint NOT NULL,
    begin      bigint NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, first)
);

-- Publishers whose records come in another partition than that of their key, and where the last one was.
CREATE TABLE misplaced (
    topic     text NOT NULL,
    source    text NOT NULL,
    records   bigint NOT NULL,
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    seen_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, source)
);
