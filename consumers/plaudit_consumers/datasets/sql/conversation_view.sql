-- The canonical rows that were chosen, as conditions and the snapshot see them.
--
-- table chosen
-- variable conversations_files  the canonical files, and the one with merged amendments
-- part columns  the columns of a canonical row, of table r, without its consent
-- part by_name  whether a column that a file lacks is null in its rows
--
-- makes  conversations_rows
CREATE VIEW conversations_rows AS
SELECT ${columns},
       -- A consent that was denied later replaces the one in the row.
       CASE WHEN c.denied THEN 'denied' ELSE r.consent END AS consent,
       'conversation' AS _kind, c.key AS _key, c.selected AS _selected
FROM read_parquet(getvariable('conversations_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name}) r
JOIN chosen c ON c.filename = r.filename AND c.file_row_number = r.file_row_number;
