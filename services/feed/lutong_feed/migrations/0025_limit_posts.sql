-- Who sees a post: everybody, those who follow its author, or the author alone. Copies in timelines stay: it is decided when they are read.
ALTER TABLE post ADD COLUMN audience text NOT NULL DEFAULT 'everybody'
    CONSTRAINT post_audience CHECK (audience IN ('everybody', 'followers', 'only_me'));
