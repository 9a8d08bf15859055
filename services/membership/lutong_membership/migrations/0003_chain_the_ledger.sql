-- A line knows what is owed beside it, the limit that was decided, and the head of its chain of entries.
-- While more than the target is in use, the limit is what is in use.
ALTER TABLE credit_line
    ADD charged_minor   bigint NOT NULL DEFAULT 0 CHECK (charged_minor >= 0),
    ADD uncovered_minor bigint NOT NULL DEFAULT 0 CHECK (uncovered_minor >= 0),
    ADD credit_minor    bigint NOT NULL DEFAULT 0 CHECK (credit_minor >= 0),
    ADD target_minor    bigint NOT NULL DEFAULT 0 CHECK (target_minor >= 0),
    ADD entries         bigint NOT NULL DEFAULT 0,
    ADD head            bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (length(head) = 32);
UPDATE credit_line SET target_minor = limit_minor;
ALTER TABLE credit_line ADD CHECK (limit_minor = greatest(target_minor, held_minor + owed_minor));

-- Entries that were written before have no number and no hash: the chain of a line begins with the next one.
ALTER TABLE entry
    ADD agreement_id  text,
    ADD debt_id       text,
    ADD reference     text,
    ADD number        bigint,
    ADD previous_hash bytea,
    ADD hash          bytea,
    ADD CHECK ((number IS NULL) = (hash IS NULL) AND (number IS NULL) = (previous_hash IS NULL));
CREATE UNIQUE INDEX entry_chain ON entry (member_id, currency, number);
CREATE UNIQUE INDEX entry_once_by_reference ON entry (reference, kind, debt_id) NULLS NOT DISTINCT
    WHERE reference IS NOT NULL;

-- Entries and their legs are written by one statement, so this key has nothing to hold. It would need the right to lock,
-- which comes with the right to change, and that is taken away here, from the owner too.
ALTER TABLE posting DROP CONSTRAINT posting_entry_id_fkey;
REVOKE UPDATE, DELETE, TRUNCATE ON entry, posting FROM CURRENT_USER;

-- What an order costs a member, and why; 'waiting' until the member is assessed, 'expired' when it took too long.
ALTER TABLE hold
    DROP CONSTRAINT hold_state_check,
    ADD CONSTRAINT hold_state_check CHECK (
        state IN ('waiting', 'held', 'captured', 'released', 'expired', 'declined', 'cancelled')),
    ADD agreement_id   text,
    ADD total_minor    bigint NOT NULL DEFAULT 0,
    ADD discount_minor bigint NOT NULL DEFAULT 0 CHECK (discount_minor >= 0),
    ADD coupon_minor   bigint NOT NULL DEFAULT 0 CHECK (coupon_minor >= 0),
    ADD benefit_minor  bigint NOT NULL DEFAULT 0 CHECK (benefit_minor BETWEEN 0 AND discount_minor + coupon_minor),
    ADD coupon_id      text,
    ADD captured_minor bigint NOT NULL DEFAULT 0 CHECK (captured_minor BETWEEN 0 AND amount_minor),
    ADD expires_at     timestamptz;
UPDATE hold
   SET total_minor = amount_minor,
       captured_minor = CASE WHEN state = 'captured' THEN amount_minor ELSE 0 END,
       agreement_id = (SELECT agreement_id
                         FROM agreement
                        WHERE agreement.member_id = hold.member_id AND agreement.merchant_id = hold.merchant_id
                          AND agreement.state = 'active'
                        ORDER BY asked_at DESC LIMIT 1)
 WHERE state IN ('held', 'captured', 'released');
ALTER TABLE hold
    ADD CHECK (amount_minor = total_minor - discount_minor - coupon_minor),
    ADD CHECK (state NOT IN ('held', 'captured') OR agreement_id IS NOT NULL);
CREATE INDEX hold_open_by_agreement ON hold (agreement_id) WHERE state IN ('waiting', 'held');
