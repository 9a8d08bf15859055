-- Counts the changes of a merchant: what others compare by which of two events is the newer.
ALTER TABLE merchant ADD COLUMN revision integer NOT NULL DEFAULT 1;

-- Accounts as the feed last said: who speaks for which merchant.
CREATE TABLE account (
    account_id  text PRIMARY KEY,
    kind        text NOT NULL,
    merchant_id text,
    program_ids text[] NOT NULL,
    revision    integer NOT NULL
);
