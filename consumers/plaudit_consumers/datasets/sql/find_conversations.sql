-- Finished conversations of an application that fit, newest first. Revisions that were replaced are among them.
--
-- variable files        some of the canonical files, the newest ones of those not searched yet
-- variable application  the application
-- variable row_limit    how many rows
-- variable row_skip     how many to leave out first
-- part condition        over the columns of a row, and `_text`, all that its messages say in lower case
SELECT * EXCLUDE (_text)
FROM (
    SELECT *, lower(nfc_normalize(array_to_string(list_transform(messages, lambda m: m.content), ' '))) AS _text
    FROM read_parquet(getvariable('files'), hive_partitioning = false, union_by_name = true)
    WHERE application = getvariable('application') AND NOT coalesce(erased, false)
)
WHERE ${condition}
ORDER BY finished_at DESC, source_partition, source_offset DESC, record_offset DESC
LIMIT getvariable('row_limit') OFFSET getvariable('row_skip');
