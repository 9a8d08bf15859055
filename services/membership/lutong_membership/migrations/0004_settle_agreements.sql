-- What counts towards an obligation, and what was enjoyed. Once per business id; a refund cites what it takes back.
CREATE TABLE accrual (
    accrual_id    text PRIMARY KEY,
    agreement_id  text NOT NULL REFERENCES agreement,
    kind          text NOT NULL CHECK (kind IN ('order', 'refund', 'right', 'right_reversed')),
    at            timestamptz NOT NULL,
    times         integer NOT NULL,
    amount_minor  bigint NOT NULL,
    benefit_minor bigint NOT NULL,
    order_id      text,
    right_id      text,
    cites         text REFERENCES accrual,
    effect        text NOT NULL CHECK (effect IN ('counted', 'credited', 'late', 'outside')),
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind IN ('refund', 'right_reversed')) = (cites IS NOT NULL))
);
CREATE INDEX accrual_by_agreement ON accrual (agreement_id, at);

CREATE FUNCTION refuse_other_accrual() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an accrual never changes: take it back with another one';
END
$$;
CREATE TRIGGER accrual_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON accrual
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_accrual();

-- What members are to pay. Without `due_at` it is payable and never overdue.
CREATE TABLE debt (
    debt_id           text PRIMARY KEY,
    agreement_id      text NOT NULL REFERENCES agreement,
    member_id         text NOT NULL,
    currency          text NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('order', 'uncovered', 'charge')),
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    outstanding_minor bigint NOT NULL CHECK (outstanding_minor BETWEEN 0 AND amount_minor),
    incurred_at       timestamptz NOT NULL,
    due_at            timestamptz
) WITH (fillfactor = 80);
CREATE INDEX debt_by_agreement ON debt (agreement_id);
CREATE INDEX debt_unpaid ON debt (member_id) WHERE outstanding_minor > 0;

-- Attempts to take a charge from a member's account. `due_at` is when the errand looks at it next.
CREATE TABLE deduction (
    deduction_id text PRIMARY KEY,
    agreement_id text NOT NULL REFERENCES agreement,
    debt_id      text NOT NULL REFERENCES debt,
    member_id    text NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    notified_at  timestamptz NOT NULL,
    not_before   timestamptz NOT NULL CHECK (not_before > notified_at),
    attempt      integer NOT NULL CHECK (attempt > 0),
    state        text NOT NULL CHECK (state IN ('notified', 'due', 'sent', 'unknown', 'taken', 'succeeded', 'failed',
                                               'void')),
    reason       text,
    tries        integer NOT NULL DEFAULT 0,
    due_at       timestamptz,
    sent_at      timestamptz,
    answered_at  timestamptz,
    CHECK (sent_at IS NULL OR sent_at >= not_before)
) WITH (fillfactor = 80);
CREATE INDEX deduction_by_agreement ON deduction (agreement_id);
CREATE UNIQUE INDEX deduction_one_at_a_time ON deduction (debt_id) 
    WHERE state IN ('notified', 'due', 'sent', 'unknown', 'taken');
CREATE INDEX deduction_by_due ON deduction (due_at) WHERE state IN ('due', 'sent', 'unknown');

-- What an operator asks another one to approve: above a threshold nobody gives money away alone.
CREATE TABLE proposal (
    proposal_id  text PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('waiver', 'write_off')),
    agreement_id text NOT NULL REFERENCES agreement,
    debt_id      text REFERENCES debt,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    reason       text NOT NULL,
    proposed_by  text NOT NULL,
    proposed_at  timestamptz NOT NULL DEFAULT now(),
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'rejected')),
    decided_by   text,
    decided_at   timestamptz,
    CHECK ((state = 'open') = (decided_by IS NULL)),
    CHECK (decided_by <> proposed_by)
);
CREATE UNIQUE INDEX proposal_open ON proposal (agreement_id, kind) WHERE state = 'open';

-- What was captured before counts as delivered; repayments before went to the oldest orders first.
INSERT INTO accrual (accrual_id, agreement_id, kind, at, times, amount_minor, benefit_minor, order_id, effect)
SELECT 'order:' || order_id, agreement_id, 'order', ended_at, 1, amount_minor, 0, order_id, 'counted'
  FROM hold
 WHERE state = 'captured' AND amount_minor > 0;
INSERT INTO debt (debt_id, agreement_id, member_id, currency, kind, amount_minor, outstanding_minor, incurred_at)
SELECT 'order:' || order_id, agreement_id, member_id, currency, 'order', amount_minor,
       least(amount_minor, greatest(0, captured_so_far - repaid)), ended_at
  FROM (SELECT hold.*,
               sum(amount_minor) OVER (PARTITION BY member_id, currency ORDER BY ended_at, order_id) AS captured_so_far,
               sum(amount_minor) OVER (PARTITION BY member_id, currency) - owed_minor AS repaid
          FROM hold JOIN credit_line USING (member_id, currency)
         WHERE state = 'captured' AND amount_minor > 0) AS captured;
