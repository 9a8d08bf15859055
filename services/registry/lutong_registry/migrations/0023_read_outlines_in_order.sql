-- The outlines that share a word, side by side: an index that has them in the order of their rarest words, with what they are compared by. From
-- `listing_title` each of them is on a page of its own. What is hidden is not here. Kept by triggers, so that the release before keeps it, too.
CREATE TABLE listing_title_word (
    word       text COLLATE "C" NOT NULL,
    program_id text NOT NULL,
    bits       bit(256) NOT NULL,
    words      smallint NOT NULL,
    spare      smallint NOT NULL
);

INSERT INTO listing_title_word (word, program_id, bits, words, spare)
SELECT word, program_id, bits, words, spare
  FROM listing_title CROSS JOIN LATERAL (SELECT DISTINCT word FROM unnest(rarest) AS rare (word)) AS rare
 WHERE visible;

ALTER TABLE listing_title_word ADD PRIMARY KEY (word, program_id) INCLUDE (bits, words, spare);

CREATE FUNCTION keep_words_of_titles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM listing_title_word AS known
         USING (SELECT word, program_id FROM before CROSS JOIN unnest(rarest) AS rare (word)) AS gone
         WHERE known.word = gone.word AND known.program_id = gone.program_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO listing_title_word (word, program_id, bits, words, spare)
        SELECT word, program_id, bits, words, spare
          FROM now_there CROSS JOIN unnest(rarest) AS rare (word)
         WHERE visible
         ORDER BY word, program_id
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER listing_title_comes AFTER INSERT ON listing_title REFERENCING NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION keep_words_of_titles();
CREATE TRIGGER listing_title_changes AFTER UPDATE ON listing_title REFERENCING OLD TABLE AS before NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION keep_words_of_titles();
CREATE TRIGGER listing_title_goes AFTER DELETE ON listing_title REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION keep_words_of_titles();
