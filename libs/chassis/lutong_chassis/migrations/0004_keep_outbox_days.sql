-- Days of the outbox come and go by a function that runs as the owner: the role of a running service needs no DDL.

-- A partition for today and each of the next seven days, and none for days whose events are past retention. Never drops
-- what is still to be published, however old. Whoever may call it cannot make it forget the last day.
CREATE FUNCTION keep_outbox_days(retention interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    day   date;
    name  text;
BEGIN
    IF retention < interval '1 day' THEN
        RAISE EXCEPTION 'an outbox keeps what was said for at least a day, not for %', retention
              USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('lutong outbox partitions'));
    FOR day IN SELECT today + ahead FROM generate_series(0, 7) AS ahead LOOP
        name := 'outbox_' || to_char(day, 'YYYYMMDD');
        -- What already went to the default partition stays there: nothing is lost by that.
        CONTINUE WHEN to_regclass(name) IS NOT NULL
            OR EXISTS (SELECT FROM outbox_default WHERE (written_at AT TIME ZONE 'UTC')::date = day);
        EXECUTE format('CREATE TABLE %I PARTITION OF outbox FOR VALUES FROM (%L) TO (%L)',
                       name, day || ' 00:00:00+00', day + 1 || ' 00:00:00+00');
    END LOOP;
    FOR name, day IN
        SELECT relname, to_date(substr(relname, 8), 'YYYYMMDD')
          FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'outbox'::regclass AND relname ~ '^outbox_[0-9]{8}$'
    LOOP
        CONTINUE WHEN day >= today - retention
            OR EXISTS (SELECT FROM pending
                        WHERE written_at >= day::timestamp AT TIME ZONE 'UTC'
                          AND written_at < (day + 1)::timestamp AT TIME ZONE 'UTC');
        EXECUTE format('DROP TABLE %I', name);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION keep_outbox_days(interval) FROM PUBLIC;
