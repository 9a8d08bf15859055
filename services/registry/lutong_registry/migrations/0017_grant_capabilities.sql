-- What each program may use (names, separated by spaces). `enforced`: a version that declares something was released, and what is not granted
-- is refused from then on. A program without a row is from before.
CREATE TABLE program_grant (
    program_id text PRIMARY KEY,
    granted    text NOT NULL,
    enforced   boolean NOT NULL,
    revision   bigint NOT NULL CHECK (revision > 0)
);
