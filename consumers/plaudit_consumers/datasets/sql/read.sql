-- For each partition: the offset after the last row, the latest broker timestamp, and the number of erased
-- conversations.
--
-- table revisions, amendments, erased
--
-- variable as_of  only rows that the broker received up to this time; null: all
WITH records AS (
    SELECT application, conversation_id, source_partition, record_offset, recorded_at, true AS is_revision
    FROM revisions
    UNION ALL
    SELECT application, conversation_id, source_partition, record_offset, recorded_at, false
    FROM amendments
),
known AS (
    SELECT records.*, erased.application IS NOT NULL AS forgotten
    FROM records LEFT JOIN erased USING (application, conversation_id)
    WHERE getvariable('as_of') IS NULL OR recorded_at <= getvariable('as_of')
)
SELECT source_partition, max(record_offset) + 1, epoch_us(max(recorded_at)),
       count(DISTINCT (application, conversation_id)) FILTER (forgotten AND is_revision)
FROM known GROUP BY source_partition ORDER BY source_partition;
