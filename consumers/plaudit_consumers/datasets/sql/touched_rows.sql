-- The rows of some files that change, each with the amendments that are merged into it.
--
-- table touched, said
--
-- variable touched_paths  the canonical files
-- variable touched_files  the same, escaped for read_parquet
-- part columns         the columns of a canonical row
-- part by_name         whether a column that a file lacks is null in its rows
WITH listed AS (
    -- DuckDB keeps lists in memory, so there must not be too many files at once.
    SELECT filename, file_row_number,
           list(struct_pack(amendment := amendment, after := after)
                ORDER BY amendment.source_partition, amendment.source_offset) AS late_words
    FROM said
    WHERE list_contains(getvariable('touched_paths'), filename)
    GROUP BY filename, file_row_number
)
SELECT ${columns}, t.excluded_ids, t.latest_finished_at, listed.late_words
FROM read_parquet(getvariable('touched_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name}) r
JOIN touched t USING (filename, file_row_number)
LEFT JOIN listed USING (filename, file_row_number);
