-- What merchants offer; one open plan each.
CREATE TABLE plan (
    plan_id          text PRIMARY KEY,
    merchant_id      text NOT NULL,
    title            text NOT NULL,
    currency         text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    line_limit_minor bigint NOT NULL CHECK (line_limit_minor > 0),
    open             boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX plan_open ON plan (merchant_id) WHERE open;

-- What is known of a member who asks for credit. The row is also the lock of the member: agreements
-- and lines of a member are only ever made under it.
CREATE TABLE applicant (
    member_id            text PRIMARY KEY,
    months_known         integer NOT NULL CHECK (months_known >= 0),
    late_months          integer NOT NULL CHECK (late_months >= 0),
    worst_delay_months   integer NOT NULL CHECK (worst_delay_months >= 0),
    utilisation_percent  integer NOT NULL CHECK (utilisation_percent >= 0),
    declared_limit_minor bigint NOT NULL CHECK (declared_limit_minor >= 0)
);

-- Verdicts as they were given. Points never leave this table.
CREATE TABLE assessment (
    agreement_id text PRIMARY KEY,
    member_id    text NOT NULL,
    points       integer NOT NULL,
    limit_minor  bigint NOT NULL,
    reasons      text[] NOT NULL,
    provider     text NOT NULL,
    assessed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agreement (
    agreement_id text PRIMARY KEY,
    member_id    text NOT NULL,
    plan_id      text NOT NULL REFERENCES plan,
    state        text NOT NULL CHECK (state IN ('active', 'declined')),
    decided_at   timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX agreement_active ON agreement (member_id, plan_id) WHERE state = 'active';

-- How much a member may have held and owe. The CHECK is the second wall behind conditional updates.
CREATE TABLE credit_line (
    member_id   text NOT NULL,
    currency    text NOT NULL,
    limit_minor bigint NOT NULL,
    held_minor  bigint NOT NULL DEFAULT 0 CHECK (held_minor >= 0),
    owed_minor  bigint NOT NULL DEFAULT 0 CHECK (owed_minor >= 0),
    PRIMARY KEY (member_id, currency),
    CHECK (held_minor + owed_minor <= limit_minor)
) WITH (fillfactor = 80);

-- One row per order that was asked for: what is held for it, or that nothing is. 'cancelled' before
-- any hold is a tombstone: the outcome overtook the request.
CREATE TABLE hold (
    order_id     text PRIMARY KEY,
    member_id    text NOT NULL,
    merchant_id  text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency     text NOT NULL,
    state        text NOT NULL CHECK (state IN ('held', 'captured', 'released', 'declined', 'cancelled')),
    reason       text,
    placed_at    timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz
) WITH (fillfactor = 80);
CREATE INDEX hold_by_member ON hold (member_id, placed_at);

-- The ledger: entries and their legs, debits positive, credits negative. Nothing is ever changed.
CREATE TABLE entry (
    entry_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text NOT NULL,
    member_id text NOT NULL,
    order_id  text,
    currency  text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX entry_once ON entry (order_id, kind) WHERE order_id IS NOT NULL;
CREATE INDEX entry_by_member ON entry (member_id, entry_id);

CREATE TABLE posting (
    entry_id     bigint NOT NULL REFERENCES entry,
    account      text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (entry_id, account)
);
CREATE INDEX posting_by_account ON posting (account) INCLUDE (amount_minor);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is immutable: correct it with a new entry';
END
$$;
CREATE TRIGGER entry_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The legs of an entry are written by one statement, and balance when it ends.
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM posting WHERE entry_id IN (SELECT entry_id FROM written)
                GROUP BY entry_id HAVING sum(posting.amount_minor) <> 0 OR count(*) < 2) THEN
        RAISE EXCEPTION 'an entry of the ledger does not balance';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER posting_balanced AFTER INSERT ON posting
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();
