-- What a post may call a service, in two tables that are looked up, where each service that shared a rare word with a post was read.

-- Each name of a service, without what separates its runs: a post's stretches of words are looked up as they are,
-- and by how they begin.
CREATE TABLE listing_name (
    key        text COLLATE "C" NOT NULL,
    program_id text NOT NULL REFERENCES listing,
    PRIMARY KEY (key, program_id)
);

INSERT INTO listing_name (key, program_id)
SELECT DISTINCT key, program_id
  FROM listing
 CROSS JOIN LATERAL unnest(coalesce(name_keys, ARRAY[title_key])) AS name (key)
 WHERE title_key <> '' AND length(key) BETWEEN 2 AND 80;

-- Titles that a sentence may have in part: a sentence with most of one has a word of `rarest`, and lacks no more than `spare`
-- of the `bits` of its `words`. Each word is the bit that the first byte of its SHA-256 names; `search.domain.titles` does the same.
CREATE TABLE listing_title (
    program_id text PRIMARY KEY REFERENCES listing,
    rarest     text[] NOT NULL,
    bits       bit(256) NOT NULL,
    words      smallint NOT NULL,
    spare      smallint NOT NULL,
    visible    boolean NOT NULL
);

INSERT INTO listing_title (program_id, rarest, bits, words, spare, visible)
SELECT program_id, signature,
       (SELECT bit_or(set_bit(repeat('0', 256)::bit(256), get_byte(sha256(convert_to(word, 'UTF8')), 0), 1))
          FROM unnest(title_words) AS word),
       cardinality(title_words), floor(0.4 * cardinality(title_words) + 1e-9), visible
  FROM listing
 WHERE length(title_key) >= 6 AND cardinality(title_words) > 0;

CREATE INDEX listing_title_by_rarest ON listing_title USING gin (rarest) WITH (fastupdate = off) WHERE visible;

CREATE FUNCTION show_title_as_listing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE listing_title SET visible = NEW.visible WHERE program_id = NEW.program_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER listing_title_visible AFTER UPDATE OF visible ON listing FOR EACH ROW
    WHEN (OLD.visible <> NEW.visible)
    EXECUTE FUNCTION show_title_as_listing();

-- Nothing has read these since migration 0005, and each write made them anew.
-- squawk-ignore ban-drop-column
ALTER TABLE listing DROP COLUMN words, DROP COLUMN names;
