-- A version that the first of two audits alone passed may be opened, and stands in no ranking.
ALTER TABLE listing ADD COLUMN promotable boolean NOT NULL DEFAULT true;
UPDATE listing
   SET promotable = false
  FROM version
 WHERE (version.program_id, version.number) = (listing.program_id, listing.version) AND admitted_only;
