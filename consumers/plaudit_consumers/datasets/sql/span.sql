-- When the first and the last conversation of a subset finished.
--
-- variable files  the files of the subset in the snapshot
SELECT strftime(min(finished_at), '%Y-%m-%dT%H:%M:%SZ'), strftime(max(finished_at), '%Y-%m-%dT%H:%M:%SZ')
FROM read_parquet(getvariable('files'), hive_partitioning = false);
