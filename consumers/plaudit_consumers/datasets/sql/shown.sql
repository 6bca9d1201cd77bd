-- The units that the rows of a subset show: those of the earliest conversation, beside the verdict on all.
--
-- table judged, verdicts
-- variable units_files  the files of units
-- part subset  the subset
-- part units   the columns of a unit, of table u
SELECT ${units}, verdict, users, conversations
FROM (
    SELECT u.* REPLACE (j.licence AS licence), v.verdict, j.users, j.conversations
    FROM read_parquet(getvariable('units_files'), hive_partitioning = false, filename = true,
                      file_row_number = true) u
    JOIN judged j ON j.filename = u.filename AND j.file_row_number = u.file_row_number
    JOIN verdicts v ON v.kind = j.kind AND v.key = j.key
    WHERE v.subset = '${subset}' AND v.reason IS NULL
) u;
