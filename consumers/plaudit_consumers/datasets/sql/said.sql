-- Reads what the amendments say that are merged into rows, once for all chunks of rows.
--
-- table late_words
--
-- variable amendments_files  the files of amendments
-- part amendment          a struct of all columns of an amendment
-- part by_name            whether a column that a file lacks is null in its rows
-- makes  said             by the place of the row, in its order, so that a chunk need not read all
CREATE TABLE said AS
SELECT w.row_file AS filename, w.row_number AS file_row_number, ${amendment} AS amendment,
       w.after_chosen AS after
FROM read_parquet(getvariable('amendments_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name}) a
JOIN late_words w ON w.filename = a.filename AND w.file_row_number = a.file_row_number
WHERE w.fate IS NULL
ORDER BY w.row_file, w.row_number;
