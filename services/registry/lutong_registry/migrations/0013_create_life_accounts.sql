-- Who follows an enterprise account, as the feed published it. In the order of bytes: a push reaches them one chunk after the other.
CREATE TABLE follower (
    account_id  text NOT NULL,
    follower_id text COLLATE "C" NOT NULL,
    since       timestamptz NOT NULL,
    PRIMARY KEY (account_id, follower_id)
);
CREATE INDEX follower_by_follower ON follower (follower_id);

-- How often an account may push, from when on. Nothing is ever changed here: a later row replaces an earlier one of the same moment.
CREATE TABLE push_policy (
    policy_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    effective_from timestamptz NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('calendar_week', 'rolling_7d')),
    quota          integer NOT NULL CHECK (quota BETWEEN 0 AND 1000)
);
INSERT INTO push_policy (effective_from, kind, quota) VALUES ('1970-01-01 00:00+00', 'calendar_week', 1);

-- A push. `counts_at` is the moment that it was to be sent at: it counts in the window that holds it, by the policy of then. `number` is
-- the order in which pushes got their place. `reached` is the last follower who has it.
CREATE TABLE push (
    push_id    text PRIMARY KEY,
    account_id text NOT NULL,
    program_id text NOT NULL REFERENCES program,
    title      text NOT NULL,
    body       text NOT NULL,
    state      text NOT NULL DEFAULT 'draft'
               CHECK (state IN ('draft', 'quota_reserved', 'sending', 'sent', 'partial', 'recalled', 'cancelled')),
    counts_at  timestamptz,
    policy_id  bigint REFERENCES push_policy,
    number     bigint,
    reached    text COLLATE "C" NOT NULL DEFAULT '',
    delivered  bigint NOT NULL DEFAULT 0 CHECK (delivered >= 0),
    reason     text,
    drafted_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at   timestamptz,
    CHECK (state IN ('draft', 'cancelled') OR (counts_at IS NOT NULL AND policy_id IS NOT NULL AND number IS NOT NULL)),
    CHECK (state IN ('sending', 'sent', 'partial', 'recalled') OR delivered = 0)
);
CREATE INDEX push_by_account ON push (account_id, counts_at);
CREATE SEQUENCE push_number;

-- Places that are taken in a calendar week of Asia/Shanghai. `quota` is the largest that any of them was taken under.
CREATE TABLE push_window (
    account_id text NOT NULL,
    starts_at  timestamptz NOT NULL,
    used       integer NOT NULL,
    quota      integer NOT NULL,
    PRIMARY KEY (account_id, starts_at),
    CHECK (used BETWEEN 0 AND quota)
);
