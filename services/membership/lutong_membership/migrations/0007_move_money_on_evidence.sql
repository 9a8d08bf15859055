-- A member asks to pay; only evidence makes it a payment: the word of a provider, or a reference of a bank statement.
-- `due_at` is when the errand looks at it next. Rows of 'before' are payments from before evidence was kept.
CREATE TABLE repayment (
    repayment_id text PRIMARY KEY,
    member_id    text NOT NULL,
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    state        text NOT NULL CHECK (state IN ('claimed', 'sent', 'unknown', 'confirmed', 'rejected')),
    claimed_by   text NOT NULL,
    claimed_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    evidence     text CHECK (evidence IN ('provider', 'bank', 'before')),
    bank         text,
    reference    text,
    decided_by   text,
    decided_at   timestamptz,
    reason       text,
    tries        integer NOT NULL DEFAULT 0,
    due_at       timestamptz,
    correlation_id text NOT NULL,
    causation_id   text,
    CHECK ((state = 'confirmed') = (evidence IS NOT NULL AND reference IS NOT NULL)),
    CHECK ((state IN ('confirmed', 'rejected')) = (decided_at IS NOT NULL)),
    CHECK ((evidence IS NOT DISTINCT FROM 'bank') = (bank IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX repayment_by_member ON repayment (member_id, currency) WHERE state IN ('claimed', 'sent', 'unknown');
CREATE INDEX repayment_by_due ON repayment (due_at) WHERE state IN ('claimed', 'sent', 'unknown');
-- One line of a bank statement pays once, whatever currency is said of it; so does one receipt of the provider.
CREATE UNIQUE INDEX repayment_once_by_bank ON repayment (bank, reference) WHERE evidence = 'bank';
CREATE UNIQUE INDEX repayment_once_by_receipt ON repayment (reference) WHERE evidence = 'provider';

INSERT INTO repayment (repayment_id, member_id, currency, amount_minor, state, claimed_by, claimed_at, expires_at,
                       evidence, reference, decided_by, decided_at, correlation_id)
SELECT entry.reference, min(member_id), min(currency), sum(amount_minor), 'confirmed', 'before', min(at), min(at),
       'before', entry.reference, 'before', min(at), entry.reference
  FROM entry JOIN posting USING (entry_id)
 WHERE kind = 'repayment' AND account = 'platform:cash' AND entry.reference IS NOT NULL
 GROUP BY entry.reference;

-- What money has paid of a debt and was not given back: a refund owes the member no more than that. Below zero while a
-- deduction that is under way is given back already.
ALTER TABLE debt ADD paid_minor bigint NOT NULL DEFAULT 0;
UPDATE debt
   SET paid_minor = amount_minor - outstanding_minor - coalesce((
       SELECT sum(CASE WHEN entry.kind IN ('refund_owed', 'charge_owed') THEN greatest(posting.amount_minor, 0)
                       WHEN account LIKE 'owed:%' OR account LIKE 'charged:%' OR account LIKE 'uncovered:%'
                       THEN -posting.amount_minor ELSE 0 END)
         FROM entry JOIN posting USING (entry_id)
        WHERE entry.debt_id = debt.debt_id
          AND entry.kind IN ('waiver', 'write_off', 'refund', 'charge_credited', 'refund_owed', 'charge_owed')), 0);

-- What two people decide together: also payouts and lines, of a member and a currency. It expires.
ALTER TABLE proposal
    DROP CONSTRAINT proposal_kind_check,
    ADD CONSTRAINT proposal_kind_check CHECK (kind IN ('waiver', 'write_off', 'payout', 'line')),
    DROP CONSTRAINT proposal_state_check,
    ADD CONSTRAINT proposal_state_check CHECK (state IN ('open', 'approved', 'rejected', 'expired')),
    ALTER agreement_id DROP NOT NULL,
    ADD member_id  text,
    ADD currency   text,
    ADD expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
    ADD CHECK (agreement_id IS NOT NULL OR (member_id IS NOT NULL AND currency IS NOT NULL));
UPDATE proposal
   SET member_id = agreement.member_id, currency = plan.currency
  FROM agreement JOIN plan USING (plan_id)
 WHERE agreement.agreement_id = proposal.agreement_id;
CREATE UNIQUE INDEX proposal_open_of_member ON proposal (member_id, currency, kind)
    WHERE state = 'open' AND agreement_id IS NULL;

-- What was given away or granted, by whom, and up to which sums one person could decide it then. Only appended to.
CREATE TABLE decision (
    decision_id          text PRIMARY KEY,
    kind                 text NOT NULL CHECK (kind IN ('waiver', 'write_off', 'payout', 'line')),
    member_id            text NOT NULL,
    currency             text NOT NULL,
    agreement_id         text,
    debt_id              text,
    amount_minor         bigint NOT NULL CHECK (amount_minor >= 0),
    decided_by           text NOT NULL,
    approved_by          text,
    reason               text NOT NULL,
    member_limit_minor   bigint NOT NULL,
    operator_limit_minor bigint NOT NULL,
    counted_since        timestamptz NOT NULL,
    at                   timestamptz NOT NULL DEFAULT now(),
    CHECK (approved_by <> decided_by)
);
CREATE INDEX decision_alone_of_member ON decision (member_id, currency, at) WHERE approved_by IS NULL;
CREATE INDEX decision_alone_by_operator ON decision (decided_by, currency, at) WHERE approved_by IS NULL;
INSERT INTO decision (decision_id, kind, member_id, currency, agreement_id, debt_id, amount_minor, decided_by, reason,
                      member_limit_minor, operator_limit_minor, counted_since, at)
SELECT reference, min(kind), min(member_id), min(currency), min(agreement_id), min(debt_id), sum(amount_minor), 'before',
       'from before decisions were kept', 0, 0, min(at), min(at)
  FROM entry JOIN posting USING (entry_id)
 WHERE kind IN ('waiver', 'write_off', 'payout') AND amount_minor > 0 AND reference IS NOT NULL
   AND (account LIKE 'credit:%' OR account IN ('platform:waivers', 'platform:losses'))
 GROUP BY reference;

INSERT INTO decision (decision_id, kind, member_id, currency, amount_minor, decided_by, reason, member_limit_minor,
                      operator_limit_minor, counted_since, at)
SELECT 'before:' || member_id || ':' || currency, 'line', member_id, currency, sum(amount_minor), 'before',
       'from before decisions were kept', 0, 0, min(at), min(at)
  FROM entry JOIN posting USING (entry_id)
 WHERE kind = 'line_changed' AND account LIKE 'available:%' AND amount_minor > 0
 GROUP BY member_id, currency;

CREATE FUNCTION refuse_other_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a decision never changes: take another one';
END
$$;
CREATE TRIGGER decision_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_decision();

-- A code that a member shows to a merchant: only its hash is kept, it works once, and few guesses end it.
CREATE TABLE right_code (
    agreement_id text NOT NULL REFERENCES agreement,
    right_id     text NOT NULL,
    salt         bytea NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    expires_at   timestamptz NOT NULL,
    tries_left   integer NOT NULL CHECK (tries_left >= 0),
    used_at      timestamptz,
    PRIMARY KEY (agreement_id, right_id)
) WITH (fillfactor = 70);
