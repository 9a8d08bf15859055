-- What a visit that a merchant brought itself earns, from which day of Asia/Shanghai on. Nothing is ever changed here.
CREATE TABLE traffic_rule (
    rule_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    effective_from    date NOT NULL,
    pv_per_uv         bigint NOT NULL CHECK (pv_per_uv BETWEEN 0 AND 100000),
    valid_days        integer NOT NULL CHECK (valid_days BETWEEN 8 AND 366),
    dwell_s_min       integer NOT NULL CHECK (dwell_s_min BETWEEN 0 AND 3600),
    sources_max       integer NOT NULL CHECK (sources_max BETWEEN 1 AND 100),
    uv_per_source_max integer NOT NULL CHECK (uv_per_source_max BETWEEN 1 AND 10000000)
);
INSERT INTO traffic_rule (effective_from, pv_per_uv, valid_days, dwell_s_min, sources_max, uv_per_source_max)
VALUES ('1970-01-01', 300, 30, 3, 3, 100000);

-- What a program has in page views, and the secret that its sources are signed and its visitors are made pseudonyms with.
-- The row is the lock of all below. `debt` is what was reversed and had been spent: the next grants pay it.
CREATE TABLE traffic_account (
    program_id text PRIMARY KEY REFERENCES program,
    secret     text NOT NULL DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
    granted    bigint NOT NULL DEFAULT 0 CHECK (granted >= 0),
    spent      bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    expired    bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),
    reversed   bigint NOT NULL DEFAULT 0 CHECK (reversed >= 0),
    available  bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
    held       bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    debt       bigint NOT NULL DEFAULT 0 CHECK (debt >= 0),
    CHECK (granted = spent + expired + reversed + available + held)
);

-- Where a merchant's own visitors come from: the QR code of a store, a campaign.
CREATE TABLE traffic_source (
    source_id   text PRIMARY KEY,
    program_id  text NOT NULL REFERENCES traffic_account,
    kind        text NOT NULL CHECK (kind IN ('store_qr', 'campaign')),
    location_id text,
    made_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX traffic_source_by_program ON traffic_source (program_id, source_id);

-- A visitor of a source on a day: once, however often they came. `outcome` is what they earned: page views, or why nothing.
CREATE TABLE traffic_uv (
    program_id text NOT NULL REFERENCES traffic_account,
    day        date NOT NULL,
    visitor    text NOT NULL,
    source_id  text NOT NULL,
    rule_id    bigint NOT NULL REFERENCES traffic_rule,
    outcome    text NOT NULL CHECK (outcome IN ('granted', 'bounced', 'looped', 'own_staff', 'too_many_sources', 'capped', 'reversed')),
    pv         bigint NOT NULL CHECK (pv >= 0),
    PRIMARY KEY (program_id, day, visitor, source_id, rule_id),
    CHECK (pv = 0 OR outcome IN ('granted', 'reversed'))
);
CREATE INDEX traffic_uv_by_source ON traffic_uv (source_id, day, outcome);

-- Page views of one day, which end together.
CREATE TABLE traffic_lot (
    program_id text NOT NULL REFERENCES traffic_account,
    day        date NOT NULL,
    rule_id    bigint NOT NULL REFERENCES traffic_rule,
    expires_at timestamptz NOT NULL,
    remaining  bigint NOT NULL CHECK (remaining >= 0),
    PRIMARY KEY (program_id, day, rule_id)
);

-- Page views that a slot of the feed asks for: held, then spent or given back.
CREATE TABLE traffic_spend (
    spend_id    text PRIMARY KEY,
    program_id  text NOT NULL REFERENCES traffic_account,
    placement   text NOT NULL,
    visitor     text,
    day         date NOT NULL,
    pv          bigint NOT NULL CHECK (pv > 0),
    used        bigint NOT NULL DEFAULT 0,
    state       text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'confirmed', 'released')),
    taken       jsonb NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    CHECK (used BETWEEN 0 AND pv),
    CHECK (used = 0 OR state = 'confirmed')
);
CREATE INDEX traffic_spend_by_visitor ON traffic_spend (program_id, visitor, day) WHERE visitor IS NOT NULL;
CREATE INDEX traffic_spend_reserved ON traffic_spend (program_id) WHERE state = 'reserved';

-- The ledger: each row moves page views from one account of a program to another.
CREATE TABLE traffic_entry (
    entry_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program_id text NOT NULL REFERENCES traffic_account,
    kind       text NOT NULL CHECK (kind IN ('grant', 'reserve', 'spend', 'release', 'expire', 'reverse')),
    debit      text NOT NULL CHECK (debit IN ('granted', 'available', 'held')),
    credit     text NOT NULL CHECK (credit IN ('available', 'held', 'spent', 'expired', 'reversed')),
    pv         bigint NOT NULL CHECK (pv > 0),
    reference  text NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    CHECK (debit <> credit)
);
CREATE INDEX traffic_entry_by_program ON traffic_entry (program_id, entry_id);
