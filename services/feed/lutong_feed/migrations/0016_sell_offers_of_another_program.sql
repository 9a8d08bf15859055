-- A program may sell what another one of its merchant sells: ten thousand stores, one list of offers.
ALTER TABLE program ADD COLUMN offers_of text;
