-- Rows of one subset that fit a condition, in the order of the files.
--
-- variable files       the files of the subset in the snapshot
-- variable row_limit   how many rows
-- variable row_skip    how many to leave out first
-- part text            all that people said in a row
-- part condition       over the columns of a row and `_text`, its text in lower case
SELECT * EXCLUDE (_text)
FROM (
    SELECT *, lower(nfc_normalize(${text})) AS _text
    FROM read_parquet(getvariable('files'), hive_partitioning = false, filename = true, file_row_number = true)
)
WHERE ${condition}
LIMIT getvariable('row_limit') OFFSET getvariable('row_skip');
