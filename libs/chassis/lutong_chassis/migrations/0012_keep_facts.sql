-- Facts outlive the topics: a table `<what>_fact`, partitioned by the day on which each happened (UTC), with a partition
-- `<what>_fact_default` for days that have none. Like those of the outbox, its days come and go by a function of the owner.

-- A partition for yesterday, today and each of the next seven days in every table of facts, and none for days past
-- retention. Before facts are forgotten, `fold_<what>_fact(before)` adds up what counters need of those days, if it is there.
CREATE FUNCTION keep_fact_days(retention interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today     date := (now() AT TIME ZONE 'UTC')::date;
    first_day date := today - retention;
    facts     text;
    day       date;
    name      text;
    taken     boolean;
BEGIN
    IF retention < interval '30 days' THEN
        RAISE EXCEPTION 'facts are kept for at least thirty days, not for %', retention
              USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('lutong fact partitions'));
    FOR facts IN
        SELECT relname FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'p' AND relname LIKE '%\_fact'
         ORDER BY relname
    LOOP
        FOR day IN SELECT today + ahead FROM generate_series(-1, 7) AS ahead LOOP
            name := facts || '_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(name) IS NOT NULL;
            EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE day = %L)', facts || '_default', day) INTO taken;
            CONTINUE WHEN taken;
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name, facts, day, day + 1);
        END LOOP;
        PERFORM forget_facts(facts, first_day);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION keep_fact_days(interval) FROM PUBLIC;

-- Forget facts of days before one. Their partitions are locked first: a fact that comes late is added up too, or waits.
CREATE FUNCTION forget_facts(facts text, first_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
    old  text[];
BEGIN
    SELECT coalesce(array_agg(relname ORDER BY relname), '{}') INTO old
      FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = facts::regclass AND relname ~ ('^' || facts || '_[0-9]{8}$')
       AND to_date(right(relname, 8), 'YYYYMMDD') < first_day;
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', facts || '_default');
    FOREACH name IN ARRAY old LOOP
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
    END LOOP;
    IF to_regproc('fold_' || facts) IS NOT NULL THEN
        EXECUTE format('SELECT %I(%L::date)', 'fold_' || facts, first_day);
    END IF;
    EXECUTE format('DELETE FROM %I WHERE day < %L', facts || '_default', first_day);
    FOREACH name IN ARRAY old LOOP
        EXECUTE format('DROP TABLE %I', name);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION forget_facts(text, date) FROM PUBLIC;
