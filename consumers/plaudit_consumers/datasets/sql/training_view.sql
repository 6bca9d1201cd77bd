-- The training rows of a subset, as conditions and the snapshot see them.
--
-- variable <subset>_files  the file of these rows
-- part subset              the subset
--
-- makes  <subset>_rows
CREATE VIEW ${subset}_rows AS
SELECT * FROM read_parquet(getvariable('${subset}_files'), hive_partitioning = false);
