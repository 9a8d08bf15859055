-- The version of a program that some viewers see, what it sells, and why no version may be opened.
ALTER TABLE program ADD gray text, ADD gray_offers text, ADD offline_for text;
