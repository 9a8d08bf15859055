-- Whether a placement may recommend a program's version in force: one that the first of two audits alone passed is shown to who chose it.
ALTER TABLE program ADD COLUMN promotable boolean NOT NULL DEFAULT true;
