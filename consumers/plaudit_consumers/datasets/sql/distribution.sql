-- The number of rows for each value of each facet, such as model or label.
--
-- variable files  the files of the subset in the snapshot
-- part facets       struct_pack(what := ..., value := ...), one for each facet
SELECT what, value, count(*) AS rows
FROM (
    SELECT unnest([${facets}], recursive := true)
    FROM read_parquet(getvariable('files'), hive_partitioning = false)
)
GROUP BY ALL ORDER BY what, rows DESC, value;
