-- Decides which amendments are merged into which rows.
--
-- table amendments, chosen, latest, erased
--
-- variable as_of  only amendments that the broker received up to this time; null: all
-- makes  late_words  an amendment for each event, with its fate; null where the merging decides
CREATE TABLE late_words AS
WITH known AS (
    SELECT a.*, c.filename AS row_file, c.file_row_number AS row_number,
           coalesce(is_after(a, c), false) AS after_chosen, coalesce(is_after(a, l), false) AS after_latest,
           c.filename IS NULL AS unknown, e.application IS NOT NULL AS forgotten
    FROM amendments a
    LEFT JOIN chosen c USING (application, conversation_id)
    LEFT JOIN latest l USING (application, conversation_id)
    LEFT JOIN erased e USING (application, conversation_id)
    -- Denials and exclusions count even if they are later than the time of the snapshot.
    WHERE getvariable('as_of') IS NULL OR a.recorded_at <= getvariable('as_of')
       OR (a.as_of_now AND c.filename IS NOT NULL)
    QUALIFY row_number() OVER (
        PARTITION BY application, conversation_id, a.event_id
        ORDER BY a.source_partition, a.source_offset, a.record_offset
    ) = 1
)
SELECT *,
       CASE WHEN forgotten THEN 'erased'
            WHEN unknown THEN 'unknown_conversation'
            WHEN as_of_now AND NOT after_latest THEN 'in_revision'
            WHEN consent = 'denied' THEN 'merged'
            WHEN as_of_now OR after_chosen THEN NULL
            -- The state took it before the revision, unless a model said it of a conversation that the
            -- state did not know yet.
            WHEN by_model THEN NULL
            ELSE 'in_revision' END AS fate
FROM known;
