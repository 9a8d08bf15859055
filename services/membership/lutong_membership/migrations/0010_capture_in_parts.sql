-- Something of a hold was captured for a part of its order, and the rest is held for the others. The release before knows no parts,
-- and must not end such a hold: it would capture all of it once more.
ALTER TABLE hold
    ADD in_parts boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT hold_in_parts_check CHECK (NOT in_parts OR state IN ('held', 'expired')) NOT VALID;
