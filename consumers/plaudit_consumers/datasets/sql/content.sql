-- The kept rows of one split of one subset, with all columns and in the order of the snapshot.
--
-- part subset   the subset; also the variable <subset>_files
-- part split    the split
-- part columns  the columns of the subset's schema
-- part by_name  whether a column that a file lacks is null in its rows
SELECT ${columns}
FROM (
    -- A consent that was denied later replaces the one in the row.
    SELECT r.* REPLACE (CASE WHEN k.marked THEN 'denied' ELSE r.consent END AS consent), k.position
    FROM read_parquet(getvariable('${subset}_files'), hive_partitioning = false, filename = true,
                      file_row_number = true, union_by_name = ${by_name}) r
    JOIN fates k USING (filename, file_row_number)
    WHERE k.subset = '${subset}' AND k.split = '${split}' AND k.fate = 'kept'
)
ORDER BY position
