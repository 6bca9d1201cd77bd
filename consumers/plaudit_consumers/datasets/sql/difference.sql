-- How a subset's rows differ between two snapshots.
--
-- variable before  the earlier snapshot's files
-- variable after   the later one's
-- part key           what names a row
-- part content       what a reader of the row sees: all columns but where and when it came from
-- makes            differences
CREATE OR REPLACE TABLE differences AS
WITH rows AS (
    SELECT to_json(${key})::VARCHAR AS key, list_contains(getvariable('before'), filename) AS old,
           md5_number_lower(to_json(${content})::VARCHAR)::HUGEINT AS content,
           split_part(parse_filename(filename), '-', 1) AS split
    FROM read_parquet(list_concat(getvariable('before'), getvariable('after')),
                      hive_partitioning = false, filename = true)
),
-- Several rows may have one name. A sum of their hashes is the same in any order.
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
