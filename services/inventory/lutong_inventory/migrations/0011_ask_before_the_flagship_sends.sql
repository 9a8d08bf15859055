-- A store cannot serve an order after all: its member is asked before the flagship does, or said so beforehand.
ALTER TABLE customer_order
    ADD flagship_ok boolean NOT NULL DEFAULT false,
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT customer_order_state_check,
    ADD CONSTRAINT customer_order_state_check CHECK (state IN (
        'offered', 'sourced', 'accepted', 'picked', 'ready_for_pickup', 'handed_over', 'fulfilled', 'rejected', 'cancelled'
    )) NOT VALID;
