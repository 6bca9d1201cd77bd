-- For each partition: the offset after the last row, the latest broker timestamp, and the number of erased
-- conversations.
--
-- table revisions, erased
--
-- variable as_of  only rows that the broker received up to this time; null: all
WITH known AS (
    SELECT revisions.*, erased.application IS NOT NULL AS forgotten
    FROM revisions LEFT JOIN erased USING (application, conversation_id)
    WHERE getvariable('as_of') IS NULL OR recorded_at <= getvariable('as_of')
)
SELECT source_partition, max(record_offset) + 1, epoch_us(max(recorded_at)),
       count(DISTINCT (application, conversation_id)) FILTER (forgotten)
FROM known GROUP BY source_partition ORDER BY source_partition;
