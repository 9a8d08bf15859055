-- Keeps the search fast when there are a million services: whoever asks is compared with the services that share a
-- rare word with them, not with all that share any.

-- How many listings have had a word, roughly: counted when a listing is made, never taken back. It decides how much work
-- a question is, not what it finds.
CREATE TABLE word (
    word     text PRIMARY KEY,
    listings bigint NOT NULL
) WITH (fillfactor = 70);

-- Each word that a listing can be found by, once.
CREATE FUNCTION search_known_by(title text, keywords text[], description text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT word FROM search_words(array_to_string(title || keywords || description, '。')) AS found(word, place)
     UNION
    SELECT unnest(tsvector_to_array(search_characters(title)));
END;

INSERT INTO word (word, listings)
SELECT word, count(*)
  FROM listing, search_known_by(title, keywords, description) AS word
 GROUP BY word;

-- Words of which a post that leads to the listing has at least one: enough of the rarest of its title that a post with
-- the share `coverage` of the title's words cannot miss them all, and the rarest of each of its names.
CREATE FUNCTION search_signature(title text, keywords text[], coverage float) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT ARRAY(
        SELECT term
          FROM (SELECT term, row_number() OVER (ORDER BY coalesce(listings, 0), term) AS place, count(*) OVER () AS terms
                  FROM unnest(search_terms(title)) AS term LEFT JOIN word ON word.word = term) AS ranked
         WHERE place <= floor((1 - coverage) * terms + 1e-9) + 1
         UNION
        SELECT rarest.term
          FROM unnest(title || keywords) AS name
         CROSS JOIN LATERAL (SELECT term
                               FROM unnest(search_terms(name)) AS term LEFT JOIN word ON word.word = term
                              ORDER BY coalesce(listings, 0), term
                              LIMIT 1) AS rarest
    );
END;

ALTER TABLE listing ADD COLUMN signature text[] NOT NULL DEFAULT '{}';
UPDATE listing SET signature = search_signature(title, keywords, 0.6);
CREATE INDEX listing_by_signature ON listing USING gin (signature) WITH (fastupdate = off) WHERE visible;

DROP INDEX listing_by_names;
ALTER TABLE listing DROP COLUMN name_words;
