-- Nobody asks for the postings of an account over all entries: the verifier reads them all, everybody else comes from an entry.
DROP INDEX posting_by_account;

-- The legs of an entry are written by one statement: what it wrote balances by itself, whatever is there already.
CREATE OR REPLACE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM written GROUP BY entry_id HAVING sum(amount_minor) <> 0 OR count(*) < 2) THEN
        RAISE EXCEPTION 'an entry of the ledger does not balance';
    END IF;
    RETURN NULL;
END
$$;
