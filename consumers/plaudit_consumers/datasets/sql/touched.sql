-- Finds the chosen rows that change: amendments are merged into them, or a later revision excluded other messages.
--
-- table chosen, latest, late_words
--
-- variable conversations_files  the canonical files
-- part by_name              whether a column that a file lacks is null in its rows
-- variable as_of            the time of the snapshot; null: all, and then no row has a later revision
-- makes  touched            `excluded_ids` has the ids of the messages that the latest revision excludes, and an
--                           empty id if it excludes the conversation; null where the chosen row is the latest
CREATE TABLE touched AS
WITH overtaken AS (
    SELECT c.filename, c.file_row_number, l.filename AS latest_file, l.file_row_number AS latest_row
    FROM chosen c JOIN latest l USING (application, conversation_id)
    WHERE c.filename <> l.filename OR c.file_row_number <> l.file_row_number
),
exclusions AS (
    SELECT filename, file_row_number,
           list_sort(list_concat(
               CASE WHEN excluded THEN [''] ELSE [] END,
               list_transform(list_filter(messages, lambda m: m.excluded), lambda m: m.message_id)
           )) AS excluded_ids
    FROM read_parquet(getvariable('conversations_files'), hive_partitioning = false, filename = true,
                      file_row_number = true, union_by_name = ${by_name})
    SEMI JOIN (
        SELECT filename, file_row_number FROM overtaken
        UNION ALL SELECT latest_file, latest_row FROM overtaken
    ) USING (filename, file_row_number)
    WHERE getvariable('as_of') IS NOT NULL
),
changed AS (
    SELECT o.filename, o.file_row_number, n.excluded_ids, n.excluded_ids <> b.excluded_ids AS other
    FROM overtaken o
    JOIN exclusions b USING (filename, file_row_number)
    JOIN exclusions n ON n.filename = o.latest_file AND n.file_row_number = o.latest_row
),
worded AS (
    SELECT DISTINCT row_file AS filename, row_number AS file_row_number FROM late_words WHERE fate IS NULL
)
SELECT c.filename, c.file_row_number, o.excluded_ids, epoch_us(l.finished_at) AS latest_finished_at
FROM chosen c JOIN latest l USING (application, conversation_id)
LEFT JOIN changed o ON o.filename = c.filename AND o.file_row_number = c.file_row_number
LEFT JOIN worded w ON w.filename = c.filename AND w.file_row_number = c.file_row_number
WHERE w.filename IS NOT NULL OR o.other;
