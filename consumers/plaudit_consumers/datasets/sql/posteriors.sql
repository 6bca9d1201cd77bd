-- Takes over how likely the upper side of each thing is, aspect by aspect.
--
-- variable posteriors_files  the files of posteriors
--
-- makes  posteriors  one for each thing
CREATE OR REPLACE TABLE posteriors AS
SELECT kind, key, list(struct_pack(aspect := aspect, posterior := posterior) ORDER BY aspect) AS posteriors
FROM read_parquet(getvariable('posteriors_files'), hive_partitioning = false)
GROUP BY kind, key;
