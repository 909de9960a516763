-- A row of fleet_live is written again each minute of its vehicle: room beside it keeps the update on its page, and the
-- primary key untouched. What is there already gets the room as its rows are written.
ALTER TABLE fleet_live SET (fillfactor = 50);
