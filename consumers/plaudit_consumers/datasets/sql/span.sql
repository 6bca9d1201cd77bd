-- When the conversations of a subset's rows ended, first and last.
--
-- variable files  the snapshot's files of the subset
SELECT strftime(min(finished_at), '%Y-%m-%dT%H:%M:%SZ'), strftime(max(finished_at), '%Y-%m-%dT%H:%M:%SZ')
FROM read_parquet(getvariable('files'), hive_partitioning = false);
