-- Leaves out the training rows of a subset beyond the first few of one user, prompt or model. The earliest stay.
--
-- part by     what the rows have in common
-- part most   how many may stay
-- part which  the rows that the cap is for
-- part fate   the fate of the others
-- changes candidates
UPDATE candidates SET fate = '${fate}'
FROM (
    SELECT subset, kind, key FROM candidates
    WHERE kind <> 'conversation' AND fate IS NULL AND ${which}
    QUALIFY row_number() OVER (
        PARTITION BY subset, ${by} ORDER BY finished_at, source_partition, source_offset, key
    ) > ${most}
) beyond
WHERE candidates.subset = beyond.subset AND candidates.kind = beyond.kind AND candidates.key = beyond.key;
