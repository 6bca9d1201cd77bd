-- Compares the rows of a subset in two snapshots.
--
-- variable before     the files of the first snapshot, escaped for read_parquet
-- variable old_files  the same files as they are
-- variable after      the files of the second one, escaped, and an empty one with all columns
-- part key           identifies a row
-- part content       all columns except those that say where and when the row came from
-- makes            differences
CREATE OR REPLACE TABLE differences AS
WITH rows AS (
    SELECT to_json(${key})::VARCHAR AS key, list_contains(getvariable('old_files'), filename) AS old,
           md5_number_lower(to_json(${content})::VARCHAR)::HUGEINT AS content,
           split_part(parse_filename(filename), '-', 1) AS split
    FROM read_parquet(list_concat(getvariable('before'), getvariable('after')),
                      hive_partitioning = false, union_by_name = true, filename = true)
),
-- Several rows may have the same key. The sum of their hashes does not depend on their order.
named AS (
    SELECT key,
           count(*) FILTER (old) AS before, count(*) FILTER (NOT old) AS after,
           sum(content) FILTER (old) AS old_content, sum(content) FILTER (NOT old) AS new_content,
           min(split) FILTER (old) AS old_split, min(split) FILTER (NOT old) AS new_split
    FROM rows GROUP BY key
)
SELECT key, greatest(before, after) AS rows,
       CASE WHEN before = 0 THEN 'added'
            WHEN after = 0 THEN 'removed'
            WHEN before <> after OR old_content <> new_content THEN 'changed'
            WHEN old_split <> new_split THEN 'moved'
            ELSE 'same' END AS fate
FROM named;
