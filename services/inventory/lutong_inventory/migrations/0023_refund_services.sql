-- A service may be done for less than what is held, and be given back afterwards. NULL: done by the release before, for all of it, or not done.
-- What its lines cost by the list is known of those that arrive from now on.
ALTER TABLE provision
    ADD listed_minor   bigint CHECK (listed_minor >= 0),
    ADD done_minor     bigint CHECK (done_minor BETWEEN 0 AND amount_minor),
    ADD refunded_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT provision_done_check CHECK (done_minor IS NULL OR state = 'done') NOT VALID,
    ADD CONSTRAINT provision_refunded_check CHECK (
        refunded_minor BETWEEN 0 AND coalesce(done_minor, amount_minor) AND (refunded_minor = 0 OR state = 'done')
    ) NOT VALID;

-- The services of a merchant are read by their state: those that wait, and those that are done.
CREATE INDEX provision_by_state ON provision (merchant_id, state, order_id);
DROP INDEX provision_waiting;

-- A refund is of an order of goods, or of a service; its id is its merchant's own among both.
-- squawk-ignore ban-drop-constraint
ALTER TABLE refund DROP CONSTRAINT refund_order_id_fkey;
