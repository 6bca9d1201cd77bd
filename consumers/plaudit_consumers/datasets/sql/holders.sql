-- The canonical files that hold a chosen row: those whose settings a snapshot was made with.
--
-- table chosen
SELECT DISTINCT filename FROM chosen ORDER BY filename;
