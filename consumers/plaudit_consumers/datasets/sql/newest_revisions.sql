-- The newest row of each of some conversations, and whether it was erased.
--
-- variable files        the canonical files in which a newer row may lie
-- variable application  the application
-- variable ids          ids of conversations
SELECT conversation_id, max_by(record_offset, (source_offset, record_offset)) AS record_offset,
       bool_or(coalesce(erased, false)) AS erased
FROM read_parquet(getvariable('files'), hive_partitioning = false, union_by_name = true)
WHERE application = getvariable('application') AND list_contains(getvariable('ids'), conversation_id)
GROUP BY conversation_id;
