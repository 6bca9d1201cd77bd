-- Every vote with what it judges, the votes on the same thing one after the other. A unit without votes has one
-- line, whose vote is null.
--
-- table posteriors
--
-- variable units_files  the files of units
SELECT kind, key, has_tools, corrected, demonstration, empty, vote, p.posteriors
FROM (
    SELECT kind, key, has_tools, corrected, demonstration, empty, application, conversation_id,
           unnest(CASE WHEN len(votes) = 0 THEN [NULL] ELSE votes END) AS vote
    FROM read_parquet(getvariable('units_files'), hive_partitioning = false)
)
LEFT JOIN posteriors p USING (kind, key)
-- In a total order, because a mean depends on the order of its parts.
ORDER BY kind, key, vote.finished_us, vote.source_partition, vote.source_offset, application, conversation_id,
         vote.judgement, vote;
