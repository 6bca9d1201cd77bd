-- Lists every amendment of the live root without what it says.
--
-- variable amendments_files  the files of amendments
-- part by_name            whether a column that a file lacks is null in its rows
-- makes  amendments       every row
--        is_after         whether an amendment's event came after the one that finished a revision
CREATE TABLE amendments AS
SELECT application, conversation_id, event_id, consent, arrived_at, recorded_at, record_offset,
       source_partition, source_offset, filename, file_row_number,
       coalesce(feedback.rater.kind, comparison.rater.kind) = 'model' AS by_model,
       consent = 'denied' OR exclusion IS NOT NULL AS as_of_now
FROM read_parquet(getvariable('amendments_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name});

-- Offsets of two partitions cannot be compared: partitions may have been added.
CREATE MACRO is_after(a, r) AS
    CASE WHEN a.source_partition = r.source_partition THEN a.source_offset > r.source_offset
         ELSE a.arrived_at >= r.finished_at END;
