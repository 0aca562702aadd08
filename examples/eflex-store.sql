-- The readings of all banks in PostgreSQL 14 or newer, for examples/eflex_store.py: run this once,
-- as the owner of the database.
--
--   sudo -u eflex psql eflex <eflex-store.sql

-- A battery of a bank.  Another bank may have one of the same number, and simulated ones also of the
-- same serial number.
CREATE TABLE battery (
    battery     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL,          -- eflex/<site>/<bank>
    battery_id  text NOT NULL,          -- the serial number
    UNIQUE (topic, battery_id)
);

-- A reading.  Columns have the names of the array's keys (docs/fields.md): to store another one, add
-- a column with its name.
CREATE TABLE reading (
    battery                    integer NOT NULL,
    time                       timestamptz NOT NULL,
    battery_number             smallint,
    battery_soc                smallint,
    battery_voltage            real,
    battery_current            real,
    charge_current_limit       real,
    lifetime_discharge_energy  bigint,
    min_temp                   smallint,
    max_temp                   smallint,
    alarm_status               text,
    charge_relay_status        text,
    discharge_relay_status     text,
    cell_voltages              smallint[],
    PRIMARY KEY (battery, time)
) PARTITION BY RANGE (time);

-- A day of a battery (UTC), as roll_up() sums it up.  drop_months() keeps it.
CREATE TABLE battery_day (
    battery                    integer NOT NULL,
    day                        date NOT NULL,
    readings                   integer NOT NULL,
    lowest                     smallint[],  -- of each cell, in mV
    mean                       real[],
    highest                    smallint[],
    lowest_soc                 smallint,
    highest_soc                smallint,
    min_temp                   smallint,
    max_temp                   smallint,
    lifetime_discharge_energy  bigint,      -- at its end
    -- The days of all batteries are mixed in the table; in the index, a year of one is a few pages.
    PRIMARY KEY (battery, day) INCLUDE (readings, lowest, mean, highest)
);

-- What a bank last said of itself: whether it is connected, and with [homeassistant] discovery what
-- needs attention (docs/attention.md).  Since when, by the clock of the database.
CREATE TABLE bank (
    topic           text PRIMARY KEY,   -- eflex/<site>/<bank>
    status          text CHECK (status IN ('online', 'offline')),
    status_since    timestamptz,
    attention       jsonb CHECK (
        attention IS NULL
        OR (jsonb_typeof(attention -> 'severity'), jsonb_typeof(attention -> 'sentences'))
            IS NOT DISTINCT FROM ('string', 'array')),
    severity_since  timestamptz
);

-- The days with readings that battery_day does not count yet, as store() notes them: whatever writes
-- readings does it by store().
CREATE TABLE changed_day (
    battery  integer NOT NULL,
    day      date NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (battery, day)
);
CREATE INDEX ON changed_day (since);

-- The table of the month in which a time is, as reading_2026_11; nothing if there is one.  It does
-- not wait for those who read, and they do not wait for it.
CREATE FUNCTION add_month(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month timestamp := date_trunc('month', at AT TIME ZONE 'UTC');
    name text := to_char(month, '"reading_"YYYY_MM');
BEGIN
    -- A time in ms, or of a clock that is not set, would make tables of months without end.
    IF (at >= '2000-01-01Z' AND at < '2100-01-01Z') IS NOT TRUE THEN
        RAISE data_exception USING MESSAGE = format('a reading of %s', coalesce(at::text, 'no time'));
    END IF;
    IF to_regclass(name) IS NULL THEN
        PERFORM pg_advisory_xact_lock('reading'::regclass::oid::bigint);
        -- Another one may have made it meanwhile, which to_regclass() may not know yet.
        IF NOT EXISTS (
            SELECT FROM pg_class WHERE relname = name
                AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'reading'::regclass)
        ) THEN
            EXECUTE format('CREATE TABLE %I (LIKE reading INCLUDING ALL)', name);
            EXECUTE format(
                'ALTER TABLE reading ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
    ELSIF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(name)) THEN
        RAISE data_exception
            USING MESSAGE = format('a reading of %s, but %s is detached from reading', at::date, name);
    END IF;
END $$;

-- Stores arrays, each with its topic, and returns how many readings are new: what is there already
-- stays as it is.  It needs the isolation level READ COMMITTED, PostgreSQL's default, as roll_up() does.
CREATE FUNCTION store(topics text[], arrays jsonb[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    stored bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared('changed_day'::regclass::oid::bigint);  -- see roll_up()
    PERFORM add_month(at) FROM (
        SELECT DISTINCT date_trunc('month', to_timestamp((each ->> 'time')::bigint), 'UTC') AS at
        FROM unnest(arrays) AS readings, jsonb_array_elements(readings) AS each
    ) AS month;

    -- In one order, here and below, so that two readers do not wait for each other.
    INSERT INTO battery (topic, battery_id)
    SELECT DISTINCT message.topic, each ->> 'battery_id'
    FROM unnest(topics, arrays) AS message (topic, readings), jsonb_array_elements(readings) AS each
    WHERE NOT EXISTS (
        SELECT FROM battery AS known
        WHERE (known.topic, known.battery_id) = (message.topic, each ->> 'battery_id'))
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;

    WITH added AS (
        INSERT INTO reading
        SELECT fields.*
        FROM unnest(topics, arrays) AS message (topic, readings)
            CROSS JOIN jsonb_array_elements(readings) AS each
            JOIN battery ON (battery.topic, battery.battery_id) = (message.topic, each ->> 'battery_id')
            CROSS JOIN jsonb_populate_record(NULL::reading, each || jsonb_build_object(
                'battery', battery.battery, 'time', to_timestamp((each ->> 'time')::bigint))) AS fields
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING
        RETURNING battery, (time AT TIME ZONE 'UTC')::date AS day
    ), noted AS (
        INSERT INTO changed_day
        SELECT DISTINCT battery, day FROM added ORDER BY 1, 2
        ON CONFLICT DO NOTHING
    )
    SELECT count(*) INTO stored FROM added;
    RETURN stored;
END $$;

-- Stores states of banks, each with its topic; an empty one is none.  They have no time, so the last
-- one stored stays.  Each reader gets all of them in their order, so that with several readers an old
-- one stays only until the last of these has stored the new one.
CREATE FUNCTION store_states(topics text[], payloads text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    message record;
BEGIN
    FOR message IN
        SELECT regexp_replace(each, '/(status|bank/attention)$', '') AS bank,
            each LIKE '%/status' AS is_status, nullif(payload, '') AS payload
        FROM unnest(topics, payloads) WITH ORDINALITY AS messages (each, payload, number)
        ORDER BY bank, number  -- as in store(): two readers do not wait for each other
    LOOP
        INSERT INTO bank (topic) VALUES (message.bank) ON CONFLICT DO NOTHING;
        IF message.is_status THEN
            UPDATE bank SET status = message.payload, status_since = now()
            WHERE topic = message.bank AND status IS DISTINCT FROM message.payload;
        ELSE
            UPDATE bank SET attention = message.payload::jsonb, severity_since = CASE
                WHEN attention -> 'severity' = message.payload::jsonb -> 'severity' THEN severity_since
                ELSE now() END
            WHERE topic = message.bank AND attention IS DISTINCT FROM message.payload::jsonb;
        END IF;
    END LOOP;
END $$;

-- A day of a battery, of its readings; no row if there are none.
CREATE FUNCTION sum_up(which integer, at date) RETURNS SETOF battery_day LANGUAGE sql STABLE AS $$
    WITH found AS NOT MATERIALIZED (  -- reading it twice takes half the time of keeping it
        SELECT * FROM reading
        WHERE battery = which
            AND time >= at::timestamp AT TIME ZONE 'UTC' AND time < (at + 1)::timestamp AT TIME ZONE 'UTC'
    ), cells AS (
        SELECT cell, min(mv) AS lowest, round(avg(mv), 1) AS mean, max(mv) AS highest
        FROM found, unnest(cell_voltages[1:16]) WITH ORDINALITY AS cells (mv, cell)
        GROUP BY cell
    )
    SELECT which, at, count(*)::integer,
        (SELECT array_agg(lowest ORDER BY cell) FROM cells),
        (SELECT array_agg(mean::real ORDER BY cell) FROM cells),
        (SELECT array_agg(highest ORDER BY cell) FROM cells),
        min(battery_soc), max(battery_soc), min(min_temp), max(max_temp), max(lifetime_discharge_energy)
    FROM found
    HAVING count(*) > 0
$$;

-- Writes a day of a battery into battery_day.  Fewer readings than before: the others are dropped.
CREATE FUNCTION write_day(which integer, at date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found battery_day;
BEGIN
    FOR found IN SELECT * FROM sum_up(which, at) LOOP
        DELETE FROM battery_day WHERE (battery, day) = (which, at) AND readings <= found.readings;
        INSERT INTO battery_day SELECT found.* ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

-- Sums up a day of a battery that is over and has changed, at most once an hour: whether there was
-- one.  The reader calls it from time to time.
--
-- The readings of a day are close together in a month's table.  PostgreSQL does not know that, and
-- would read the whole table, or spend more time on compiling the query than on running it.
CREATE FUNCTION roll_up(at timestamptz DEFAULT now()) RETURNS boolean LANGUAGE plpgsql
SET lock_timeout = '5s' SET enable_seqscan = off SET jit = off AS $$
DECLARE
    stores CONSTANT bigint := 'changed_day'::regclass::oid;
    an_hour_ago CONSTANT timestamptz := at - interval '1 hour';
    changed changed_day;
BEGIN
    IF NOT pg_try_advisory_xact_lock('battery_day'::regclass::oid::bigint) THEN
        RETURN false;  -- another reader does it
    END IF;
    SELECT * INTO changed FROM changed_day
    WHERE since < an_hour_ago AND day < (an_hour_ago AT TIME ZONE 'UTC')::date
    ORDER BY since, battery LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- The note goes while nobody stores.  What was stored before is committed, and counted below; who
    -- stores more of this day now waits for the end of this, and notes it anew.
    PERFORM pg_advisory_lock(stores);
    BEGIN
        DELETE FROM changed_day WHERE (battery, day) = (changed.battery, changed.day);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM pg_advisory_unlock(stores);  -- a rollback would keep it
        RAISE;
    END;
    PERFORM pg_advisory_unlock(stores);
    PERFORM write_day(changed.battery, changed.day);
    RETURN true;
END $$;

-- Retention: deletes the readings of whole months, and returns the names of their tables.  Their days
-- stay in battery_day.
--
--   SELECT drop_months(before => now() - interval '3 years');
CREATE FUNCTION drop_months(before timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name text;
    month date;
BEGIN
    PERFORM pg_advisory_xact_lock('battery_day'::regclass::oid::bigint);
    PERFORM pg_advisory_xact_lock('changed_day'::regclass::oid::bigint);
    FOR name, month IN
        -- Names are compared, not dates: PostgreSQL may begin with all of pg_class, and to_date() would
        -- fail on the names of other tables.
        SELECT relname, to_date(relname, '"reading_"YYYY_MM')
        FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent = 'reading'::regclass AND relname ~ '^reading_\d{4}_\d\d$'
            AND relname < to_char(before AT TIME ZONE 'UTC', '"reading_"YYYY_MM')
        ORDER BY relname
    LOOP
        PERFORM write_day(battery, day) FROM changed_day
        WHERE day >= month AND day < month + interval '1 month';
        EXECUTE format('DROP TABLE %I', name);
        RETURN NEXT name;
    END LOOP;
END $$;

-- A cell, in mV, day by day (UTC), from the day of a time.  This cell, last year:
--
--   SELECT * FROM cell_days('eflex/home/house', '2299075F9999', 5, now() - interval '1 year');
CREATE FUNCTION cell_days(bank text, serial_number text, cell integer, since timestamptz)
RETURNS TABLE (day date, lowest smallint, mean numeric, highest smallint) LANGUAGE sql STABLE
SET enable_seqscan = off SET jit = off AS $$  -- as in roll_up()
    WITH asked AS (
        SELECT battery, (since AT TIME ZONE 'UTC')::date AS first FROM battery
        WHERE (topic, battery_id) = (bank, serial_number)
    ), days AS (
        SELECT day, readings, lowest[cell] AS lowest, mean[cell]::numeric AS mean, highest[cell] AS highest
        FROM asked JOIN battery_day USING (battery)
        WHERE day >= first
        UNION ALL
        -- Days that have changed, such as today.
        SELECT day, found.*
        FROM asked JOIN changed_day USING (battery) CROSS JOIN LATERAL (
            SELECT count(*), min(cell_voltages[cell]), avg(cell_voltages[cell]), max(cell_voltages[cell])
            FROM reading
            WHERE battery = changed_day.battery
                AND time >= day::timestamp AT TIME ZONE 'UTC'
                AND time < (day + 1)::timestamp AT TIME ZONE 'UTC'
            HAVING count(*) > 0
        ) AS found
        WHERE day >= first
    )
    -- Of both, the one of more readings: those of the other are dropped, or not counted yet.
    SELECT DISTINCT ON (day) day, lowest, round(mean, 1), highest FROM days ORDER BY day, readings DESC
$$;

-- The banks of all sites, with the batteries of the last cycle of each: which are silent, because
-- their last reading is that old, and which need attention.
--
--   SELECT * FROM fleet() WHERE silent OR severity <> 'none';
CREATE FUNCTION fleet(silent_after interval DEFAULT '5 minutes') RETURNS TABLE (
    topic text, site text, bank text, silent boolean, last_reading timestamptz, batteries bigint,
    lowest_soc smallint, lowest_voltage real, power double precision, widest_spread integer,
    status text, status_since timestamptz, severity text, severity_since timestamptz, sentences text
) LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$  -- as in roll_up()
    WITH last AS (
        SELECT topic, found.*, max(time) OVER (PARTITION BY topic) AS newest
        FROM battery CROSS JOIN LATERAL (
            -- By the key, the newest month first: the others are only read if it has none.
            SELECT time, battery_soc, battery_voltage, battery_current, cell_voltages FROM reading
            WHERE reading.battery = battery.battery
                AND time < now() + interval '5 minutes'  -- a clock that was wrong must not hide silence
            ORDER BY time DESC LIMIT 1
        ) AS found
    ), cycle AS (
        SELECT topic, newest AS last_reading, count(*) AS batteries,
            min(battery_soc) AS lowest_soc, min(battery_voltage) AS lowest_voltage,
            sum(battery_voltage * battery_current) AS power,
            max((SELECT max(mv) - min(mv) FROM unnest(cell_voltages[1:16]) AS mv)) AS widest_spread
        FROM last
        WHERE time > newest - interval '5 seconds'  -- the others have left
        GROUP BY topic, newest
    )
    SELECT topic, split_part(topic, '/', -2), split_part(topic, '/', -1),
        (last_reading > now() - silent_after) IS NOT TRUE, last_reading, coalesce(batteries, 0),
        lowest_soc, lowest_voltage, power, widest_spread, status, status_since,
        attention ->> 'severity', severity_since,
        (SELECT string_agg(each, '; ') FROM jsonb_array_elements_text(attention -> 'sentences') AS each)
    FROM cycle FULL JOIN bank USING (topic)
$$;
