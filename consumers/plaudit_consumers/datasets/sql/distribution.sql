-- How a subset's rows spread over models, labels and the like.
--
-- variable files  the snapshot's files of the subset
-- part facets       struct_pack(what := ..., value := ...), one for each facet
SELECT what, value, count(*) AS rows
FROM (
    SELECT unnest([${facets}], recursive := true)
    FROM read_parquet(getvariable('files'), hive_partitioning = false)
)
GROUP BY ALL ORDER BY what, rows DESC, value;
