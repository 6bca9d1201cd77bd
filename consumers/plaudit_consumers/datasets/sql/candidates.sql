-- Adds the rows of one subset that belong to chosen revisions: their places in files, hashes and sort keys.
--
-- variable amended_files  all files with rows of conversations that amendments were merged into
-- part subset     the subset; also the variable <subset>_files
-- part keys       the columns that tie a row to its revision
-- part training   whether a denied consent keeps the row out
-- part condition  the condition of --where
-- part parts      tells the rows of one conversation apart, for a total order
-- part content    two rows with the same content are duplicates
-- part prompt     the text that may be in one split only
-- part by_name    whether a column that a file lacks is null in its rows
-- fills         candidates
INSERT INTO candidates
WITH rows AS (
    SELECT r.*, c.split AS _split, c.denied AS _denied, f.conversation
    FROM read_parquet(getvariable('${subset}_files'), hive_partitioning = false, filename = true,
                      file_row_number = true, union_by_name = ${by_name}) r
    JOIN chosen c USING (${keys})
    LEFT JOIN facts f ON f.application = r.application AND f.conversation_id = r.conversation_id
    -- Of a conversation that amendments were merged into, the rows that the sink wrote are out of date.
    WHERE c.amended = list_contains(getvariable('amended_files'), r.filename)
),
-- A row for which the condition is null is left out, as by WHERE.
judged AS (
    SELECT *, coalesce((
        ${condition}
    ), false) AS _wanted
    FROM rows
)
SELECT '${subset}', filename, file_row_number, _split, _wanted,
       ${training} AND (_denied OR coalesce(consent = 'denied', true)),
       _denied, finished_at, source_partition, source_offset, ${parts},
       md5(to_json(${content})::VARCHAR), md5(to_json(${prompt})::VARCHAR)
FROM judged;
