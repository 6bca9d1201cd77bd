-- What became of the judgements that are in units: each is in a row, or has one reason. Of several reasons the
-- last one on the way to a row counts.
--
-- table candidates
-- variable units_files  the files of units
WITH voted AS (
    SELECT DISTINCT application, conversation_id, vote.judgement AS judgement, kind, key
    FROM (
        SELECT application, conversation_id, kind, key, unnest(votes) AS vote
        FROM read_parquet(getvariable('units_files'), hive_partitioning = false)
    )
    WHERE vote.judgement IS NOT NULL
),
reached AS (
    SELECT application, conversation_id, judgement, min(struct_pack(
        step := CASE WHEN c.subset IS NULL THEN 9
                     WHEN fate IS NULL THEN 0
                     WHEN starts_with(fate, 'over_') THEN 1
                     WHEN fate = 'prompt_of_another_split' THEN 2
                     WHEN fate = 'filtered' THEN 3
                     ELSE 4 END,
        fate := CASE WHEN c.subset IS NULL THEN 'subset_not_built' ELSE coalesce(fate, 'in_rows') END
    )).fate AS fate
    FROM voted LEFT JOIN candidates c USING (kind, key)
    GROUP BY application, conversation_id, judgement
)
SELECT fate, count(*) FROM reached GROUP BY fate ORDER BY fate;
