-- What an account writes about: one of the verticals that the service lists, or none.
CREATE TABLE account_vertical (
    account_id text PRIMARY KEY REFERENCES account,
    vertical   text NOT NULL
);
CREATE INDEX account_vertical_by_vertical ON account_vertical (vertical, account_id);

-- How often posts of an account were seen, by the month of Asia/Shanghai in which they were. It follows from `interaction_fact`, whoever
-- enters a fact, also the release before; in key order, so that two batches cannot deadlock.
CREATE TABLE account_reads (
    month      date NOT NULL CHECK (extract(day FROM month) = 1),
    account_id text NOT NULL,
    reads      bigint NOT NULL CHECK (reads >= 0),
    PRIMARY KEY (month, account_id)
) WITH (fillfactor = 60);
CREATE INDEX account_reads_of_account ON account_reads (account_id, month DESC);

-- What of it was counted from facts that are forgotten.
CREATE TABLE account_reads_before (
    month      date NOT NULL,
    account_id text NOT NULL,
    reads      bigint NOT NULL,
    PRIMARY KEY (month, account_id)
);

CREATE FUNCTION count_account_reads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO account_reads AS known (month, account_id, reads)
    SELECT date_trunc('month', happened_at AT TIME ZONE 'Asia/Shanghai')::date AS month, author_id, count(*)
      FROM fresh JOIN post USING (post_id)
     WHERE kind = 'impression'
     GROUP BY 1, 2
     ORDER BY 1, 2
        ON CONFLICT (month, account_id) DO UPDATE SET reads = known.reads + excluded.reads;
    RETURN NULL;
END
$$;
CREATE TRIGGER account_reads_counted AFTER INSERT ON interaction_fact
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION count_account_reads();

-- Add up the facts of days that are about to be forgotten (keep_fact_days calls it): what was done with posts, and reads of accounts.
CREATE OR REPLACE FUNCTION fold_interaction_fact(before date) RETURNS void LANGUAGE sql AS $$
    INSERT INTO interaction_count_before AS known (post_id, placement, kind, times)
    SELECT post_id, placement, kind, count(*)
      FROM interaction_fact
     WHERE day < before
     GROUP BY post_id, placement, kind
        ON CONFLICT (post_id, placement, kind) DO UPDATE SET times = known.times + excluded.times;
    INSERT INTO account_reads_before AS known (month, account_id, reads)
    SELECT date_trunc('month', happened_at AT TIME ZONE 'Asia/Shanghai')::date, author_id, count(*)
      FROM interaction_fact JOIN post USING (post_id)
     WHERE day < before AND kind = 'impression'
     GROUP BY 1, 2
        ON CONFLICT (month, account_id) DO UPDATE SET reads = known.reads + excluded.reads
$$;

-- Count all reads again from facts; gives how many rows were wrong.
CREATE FUNCTION rebuild_account_reads() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    LOCK TABLE account_reads IN SHARE ROW EXCLUSIVE MODE;
    WITH truth AS (
        SELECT month, account_id, sum(reads)::bigint AS reads
          FROM (SELECT month, account_id, reads FROM account_reads_before
                 UNION ALL
                SELECT date_trunc('month', happened_at AT TIME ZONE 'Asia/Shanghai')::date, author_id, count(*)
                  FROM interaction_fact JOIN post USING (post_id)
                 WHERE kind = 'impression'
                 GROUP BY 1, 2) AS known
         GROUP BY month, account_id
    ), put_right AS (
        INSERT INTO account_reads AS known (month, account_id, reads)
        SELECT month, account_id, reads FROM truth
            ON CONFLICT (month, account_id) DO UPDATE SET reads = excluded.reads
         WHERE known.reads <> excluded.reads
        RETURNING 1
    ), gone AS (
        DELETE FROM account_reads AS known
         WHERE NOT EXISTS (SELECT FROM truth WHERE (truth.month, truth.account_id) = (known.month, known.account_id))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put_right) + (SELECT count(*) FROM gone) INTO wrong;
    RETURN wrong;
END
$$;
REVOKE ALL ON FUNCTION rebuild_account_reads() FROM PUBLIC;

-- What is known already: of the months that the facts have.
INSERT INTO account_reads (month, account_id, reads)
SELECT date_trunc('month', happened_at AT TIME ZONE 'Asia/Shanghai')::date, author_id, count(*)
  FROM interaction_fact JOIN post USING (post_id)
 WHERE kind = 'impression'
 GROUP BY 1, 2;
