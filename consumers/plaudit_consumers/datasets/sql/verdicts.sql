-- Takes over what was decided on every judged thing.
--
-- variable verdicts_files  the file of verdicts
--
-- makes  verdicts  one for each judged thing and subset; `reason` says why there is no row
CREATE TABLE verdicts AS
SELECT * FROM read_parquet(getvariable('verdicts_files'), hive_partitioning = false);
