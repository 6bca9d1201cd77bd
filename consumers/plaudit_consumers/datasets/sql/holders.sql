-- The canonical files that have a chosen row. The manifest names the settings of these files only.
--
-- table chosen
SELECT DISTINCT source_file FROM chosen ORDER BY source_file;
