ALTER TABLE todos ADD COLUMN due_on DATE;
CREATE INDEX todos_open_by_due_date ON todos (due_on) WHERE NOT done;
