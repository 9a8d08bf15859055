-- What each program may use (names, separated by spaces), as the registry publishes it. A program without a row is from before: it may use all of it.
CREATE TABLE program_grant (
    program_id text PRIMARY KEY,
    granted    text NOT NULL,
    enforced   boolean NOT NULL,
    revision   bigint NOT NULL
);
