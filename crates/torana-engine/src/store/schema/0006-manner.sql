-- How a session's answers are made, shown and sent, where somebody chose so.

ALTER TABLE session ADD COLUMN manner_json TEXT;
