-- Who offers mini-programs.
CREATE TABLE merchant (
    merchant_id text PRIMARY KEY,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 80)
);

-- A mini-program. The row is the lock of the aggregate: versions change only under it.
CREATE TABLE program (
    program_id    text PRIMARY KEY,
    merchant_id   text NOT NULL REFERENCES merchant,
    suspended_for text,
    registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX program_by_merchant ON program (merchant_id, program_id);

-- What was handed in. The manifest of a version never changes.
CREATE TABLE version (
    program_id   text NOT NULL REFERENCES program,
    number       integer NOT NULL CHECK (number > 0),
    state        text NOT NULL
                 CHECK (state IN ('submitted', 'approved', 'rejected', 'released', 'superseded', 'rolled_back')),
    manifest     text NOT NULL,
    submitted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (program_id, number)
);
CREATE UNIQUE INDEX version_in_review ON version (program_id) WHERE state IN ('submitted', 'approved');
CREATE UNIQUE INDEX version_in_force ON version (program_id) WHERE state = 'released';

-- Text as words that can be searched: Latin words as they are, Chinese runs as overlapping pairs of
-- characters. The one tokenizer of the service: documents and questions both go through it.
CREATE FUNCTION search_words(source text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    words text[] := '{}';
    run   text;
    place integer;
BEGIN
    FOR run IN SELECT hit[1] FROM regexp_matches(lower(normalize(source, NFKC)), '([一-鿿]+|[a-z0-9]+)', 'g') AS hit LOOP
        IF run ~ '^[a-z0-9]' OR length(run) = 1 THEN
            words := words || run;
        ELSE
            FOR place IN 1 .. length(run) - 1 LOOP
                words := words || substr(run, place, 2);
            END LOOP;
        END IF;
    END LOOP;
    RETURN words;
END
$$;

-- With positions, so that phrases can be asked for.
CREATE FUNCTION search_vector(source text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT to_tsvector('simple'::regconfig, array_to_string(search_words(source), ' '))
$$;

CREATE FUNCTION search_vectors(sources text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT search_vector(array_to_string(sources, ' '))
$$;

CREATE FUNCTION search_phrase(source text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT phraseto_tsquery('simple'::regconfig, array_to_string(search_words(source), ' '))
$$;

-- Any of several phrases: what names a service.
CREATE FUNCTION search_any_phrase(sources text[]) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    whole  tsquery := '';
    source text;
BEGIN
    FOREACH source IN ARRAY sources LOOP
        whole := whole || search_phrase(source);
    END LOOP;
    RETURN whole;
END
$$;

-- The released version of a program, as the search sees it.
CREATE TABLE listing (
    program_id  text PRIMARY KEY REFERENCES program,
    merchant_id text NOT NULL,
    version     integer NOT NULL,
    title       text NOT NULL,
    page        text NOT NULL,
    keywords    text[] NOT NULL,
    description text NOT NULL,
    visible     boolean NOT NULL,
    title_words text[] NOT NULL GENERATED ALWAYS AS (search_words(title)) STORED,
    names       tsquery NOT NULL GENERATED ALWAYS AS (search_any_phrase(title || keywords)) STORED,
    words       tsvector NOT NULL GENERATED ALWAYS AS (
                    setweight(search_vector(title), 'A')
                    || setweight(search_vectors(keywords), 'B')
                    || setweight(search_vector(description), 'D')
                ) STORED
);
CREATE INDEX listing_by_words ON listing USING gin (words) WHERE visible;

-- How often a program was used, counted once per event.
CREATE TABLE usage (
    program_id text PRIMARY KEY,
    opened     bigint NOT NULL DEFAULT 0,
    solved     bigint NOT NULL DEFAULT 0,
    fulfilled  bigint NOT NULL DEFAULT 0
);

-- Where each post led, or why nowhere.
CREATE TABLE discovery (
    post_id       text PRIMARY KEY,
    program_id    text,
    reason        text,
    discovered_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((program_id IS NULL) <> (reason IS NULL))
);
