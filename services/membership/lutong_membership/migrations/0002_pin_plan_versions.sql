-- What a plan says, by version. A version never changes: agreements are signed on it.
CREATE TABLE plan_version (
    plan_id          text NOT NULL REFERENCES plan,
    version          integer NOT NULL CHECK (version > 0),
    title            text NOT NULL,
    line_limit_minor bigint NOT NULL CHECK (line_limit_minor > 0),
    terms            text NOT NULL,
    written_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plan_id, version)
);
INSERT INTO plan_version (plan_id, version, title, line_limit_minor, terms)
SELECT plan_id, 1, title, line_limit_minor, '{}' FROM plan;
ALTER TABLE plan ADD version integer NOT NULL DEFAULT 1, DROP title, DROP line_limit_minor;

CREATE FUNCTION refuse_new_wording() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a plan never changes: write the next one';
END
$$;
CREATE TRIGGER plan_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_new_wording();

-- Agreements live longer than a decision now. Those that are signed keep what they signed: version 1, without an
-- obligation and without an end.
ALTER TABLE agreement RENAME decided_at TO asked_at;
ALTER TABLE agreement
    DROP CONSTRAINT agreement_state_check,
    ADD CONSTRAINT agreement_state_check CHECK (
        state IN ('consulted', 'declined', 'preordered', 'lapsed', 'active', 'fulfilled', 'unfulfilled', 'quit',
                  'settling', 'settled', 'overdue', 'recovered', 'written_off', 'closed')),
    ADD changed_at    timestamptz NOT NULL DEFAULT now(),
    ADD merchant_id   text,
    ADD version       integer NOT NULL DEFAULT 1,
    ADD holdout       boolean NOT NULL DEFAULT false,
    ADD signed_at     timestamptz,
    ADD begins_at     timestamptz,
    ADD ends_at       timestamptz,
    ADD settle_at     timestamptz,
    ADD grace_ends_at timestamptz,
    ADD free          boolean NOT NULL DEFAULT false,
    ADD charge_minor  bigint CHECK (charge_minor >= 0),
    ADD step          text NOT NULL DEFAULT 'none'
                      CHECK (step IN ('none', 'reminded', 'blocked', 'suspended', 'proposed')),
    ADD step_due_at   timestamptz,
    ADD reason        text,
    ADD correlation_id text,
    ADD causation_id  text,
    ADD FOREIGN KEY (plan_id, version) REFERENCES plan_version;
UPDATE agreement
   SET merchant_id = plan.merchant_id,
       signed_at = CASE WHEN state = 'active' THEN asked_at END,
       begins_at = CASE WHEN state = 'active' THEN asked_at END,
       reason = CASE WHEN state = 'declined' THEN 'not_admitted' END
  FROM plan
 WHERE plan.plan_id = agreement.plan_id;
ALTER TABLE agreement
    ALTER merchant_id SET NOT NULL,
    ADD CHECK (ends_at IS NULL OR begins_at IS NOT NULL),
    ADD CHECK ((state IN ('consulted', 'declined', 'preordered', 'lapsed')) = (signed_at IS NULL));
DROP INDEX agreement_active;
CREATE UNIQUE INDEX agreement_live ON agreement (member_id, plan_id) WHERE state IN ('consulted', 'preordered', 'active');
CREATE INDEX agreement_by_member ON agreement (member_id, plan_id, signed_at);
CREATE INDEX agreement_hindering ON agreement (member_id) WHERE step IN ('blocked', 'suspended', 'proposed');

-- A verdict stands for a while: until then its member joins other plans without being asked about again.
ALTER TABLE assessment ADD valid_until timestamptz NOT NULL DEFAULT '-infinity';
UPDATE assessment SET valid_until = assessed_at + interval '30 days';
CREATE INDEX assessment_by_member ON assessment (member_id, valid_until);

-- Two more facts that a scorecard may know of a member, or not.
ALTER TABLE applicant
    ADD latest_delay_months  integer CHECK (latest_delay_months >= 0),
    ADD repaid_monthly_minor bigint CHECK (repaid_monthly_minor >= 0);

-- Members about whom somebody has to be asked, with the journey on which they came.
CREATE TABLE assessment_job (
    agreement_id   text PRIMARY KEY REFERENCES agreement,
    tries          integer NOT NULL DEFAULT 0,
    due_at         timestamptz NOT NULL DEFAULT now(),
    give_up_at     timestamptz NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    traceparent    text
);
CREATE INDEX assessment_job_by_due ON assessment_job (due_at);

-- What newcomers asked for, until it is known whether they may join.
CREATE TABLE waiting_request (
    order_id       text PRIMARY KEY,
    agreement_id   text NOT NULL REFERENCES agreement,
    place          bigint GENERATED ALWAYS AS IDENTITY,
    request        text NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    traceparent    text
);
CREATE INDEX waiting_request_by_agreement ON waiting_request (agreement_id, place);

-- Whether a member has a merchant's plan with its benefits, or is one of those it is compared with. Drawn once.
CREATE TABLE arm (
    member_id   text NOT NULL,
    merchant_id text NOT NULL,
    plan_id     text NOT NULL REFERENCES plan,
    holdout     boolean NOT NULL,
    drawn_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (member_id, merchant_id, plan_id)
);
CREATE INDEX arm_by_plan ON arm (plan_id);
