-- Who will see what an author wrote and has not published.
ALTER TABLE draft ADD COLUMN audience text NOT NULL DEFAULT 'everybody'
    CONSTRAINT draft_audience CHECK (audience IN ('everybody', 'followers', 'only_me'));
