-- An order that was refused keeps the mode that was asked for, also one that only newer versions know.
-- The release before goes by the mode of an order only while it is open.
ALTER TABLE customer_order
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT customer_order_mode_check,
    ADD CONSTRAINT customer_order_mode_check
        CHECK (mode IN ('delivery', 'pickup') OR state IN ('rejected', 'cancelled')) NOT VALID;
