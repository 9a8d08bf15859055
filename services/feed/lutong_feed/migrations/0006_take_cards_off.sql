-- A card that was taken off its post, by whom and why. It stays off, whatever the registry finds later.
ALTER TABLE card
    ADD COLUMN taken_off_by text,
    ADD COLUMN taken_off_for text;
