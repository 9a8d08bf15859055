-- Goods that nothing was paid for can come back, too: a gift, or what was refunded in full before it came back.
ALTER TABLE refund
    DROP CONSTRAINT refund_amount_minor_check,
    ADD CONSTRAINT refund_amount_minor_check CHECK (amount_minor >= 0);
