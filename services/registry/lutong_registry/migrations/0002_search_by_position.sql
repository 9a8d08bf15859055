-- Rebuilds what the search stands on. Words now keep the position of their characters, so that a phrase cannot reach
-- over a full stop; and functions are bound when they are created, so that a backup can be restored.

DROP INDEX listing_by_words;
ALTER TABLE listing DROP COLUMN title_words, DROP COLUMN names, DROP COLUMN words;
DROP FUNCTION search_any_phrase(text[]), search_phrase(text), search_vectors(text[]), search_vector(text),
    search_words(text);

-- Text as words that can be searched: Latin words as they are, Chinese runs as overlapping pairs of characters. The one
-- tokenizer of the service: documents and questions both go through it. A pair stands where its first character stands,
-- separators not counted: 公积金 提取 is found in 公积金提取, but 公积金 is not found in 公积。积金. Very long Latin
-- words are cut, for PostgreSQL refuses them in a question.
CREATE FUNCTION search_words(source text) RETURNS TABLE (word text, place integer)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN latin THEN left(run, 40) ELSE substr(run, step, 2) END, (start + step)::integer
      FROM (SELECT run, latin, length(run) AS size,
                   sum(CASE WHEN latin THEN 1 ELSE length(run) END) OVER (ORDER BY number)
                   - CASE WHEN latin THEN 1 ELSE length(run) END AS start
              FROM (SELECT hit[1] AS run, hit[1] ~ '^[a-z0-9]' AS latin, number
                      FROM regexp_matches(lower(normalize(source, NFKC)), '[一-鿿]+|[a-z0-9]+', 'g')
                           WITH ORDINALITY AS hits(hit, number)) AS runs) AS placed
     CROSS JOIN LATERAL generate_series(1, CASE WHEN latin THEN 1 ELSE greatest(size - 1, 1) END) AS step;
END;

-- For documents: the words with their places.
CREATE FUNCTION search_vector(source text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(string_agg(word || ':' || place, ' '), '')::tsvector FROM search_words(source));

-- Each word once, to be counted.
CREATE FUNCTION search_terms(source text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(SELECT DISTINCT word FROM search_words(source) ORDER BY word);

-- Single Chinese characters: what a question of one character can find.
CREATE FUNCTION search_characters(source text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_tsvector(
    ARRAY(SELECT DISTINCT hit[1] FROM regexp_matches(normalize(source, NFKC), '[一-鿿]', 'g') AS hit)
);

-- For questions: all the words, at the distances they have here.
CREATE FUNCTION search_phrase(source text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(string_agg(step, ' ' ORDER BY place), '')::tsquery
          FROM (SELECT place, coalesce('<' || place - lag(place) OVER (ORDER BY place) || '> ', '') || word AS step
                  FROM search_words(source)) AS steps);

-- For questions: all of the words, or any of them (`operator` is & or |).
CREATE FUNCTION search_each(source text, operator text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_string(search_terms(source), operator)::tsquery;

-- What names a service in a post: any of its names as a phrase. One letter or digit names nothing.
CREATE FUNCTION search_names(names text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(string_agg('(' || search_phrase(name)::text || ')', '|'), '')::tsquery
          FROM unnest(names) AS name
         WHERE length(name) > 1 AND cardinality(search_terms(name)) > 0);

-- Texts one after the other, with a gap before each, so that no phrase reaches from one into the next.
CREATE FUNCTION search_vectors(sources text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(string_agg(word || ':' || place + number * 100, ' '), '')::tsvector
          FROM unnest(sources) WITH ORDINALITY AS given(source, number), search_words(source));

ALTER TABLE listing
    ADD COLUMN title_words text[] NOT NULL GENERATED ALWAYS AS (search_terms(title)) STORED,
    ADD COLUMN names tsquery NOT NULL GENERATED ALWAYS AS (search_names(title || keywords)) STORED,
    ADD COLUMN name_words tsvector NOT NULL GENERATED ALWAYS AS (search_vectors(title || keywords)) STORED,
    ADD COLUMN words tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(search_vector(title), 'A')
        || setweight(search_vectors(keywords), 'B')
        || setweight(search_vectors(ARRAY[description]), 'C')
        || search_characters(title)
    ) STORED;

CREATE INDEX listing_by_words ON listing USING gin (words) WITH (fastupdate = off) WHERE visible;

-- Posts are looked up by names alone: descriptions would only add candidates that cannot match.
CREATE INDEX listing_by_names ON listing USING gin (name_words) WITH (fastupdate = off) WHERE visible;

-- What merchants ask about a version: since when, and why not. A manifest is JSON that queries look into.
ALTER TABLE version
    ALTER COLUMN manifest TYPE jsonb USING manifest::jsonb,
    ADD COLUMN rejected_for text,
    ADD COLUMN moved_at timestamptz NOT NULL DEFAULT now(),
    ADD CHECK (rejected_for IS NULL OR state = 'rejected');
