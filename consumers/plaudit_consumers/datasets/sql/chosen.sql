-- The canonical rows that were chosen and selected, in any order.
--
-- table conversations_rows
-- part columns  the columns of a canonical row
SELECT ${columns} FROM conversations_rows WHERE _selected;
