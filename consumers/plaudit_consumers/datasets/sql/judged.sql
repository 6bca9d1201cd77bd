-- What was judged: the number of answers and of pairs, of their units, of the votes in these, and of the votes
-- that others replaced.
--
-- table judged, verdicts
WITH replaced AS (
    SELECT DISTINCT kind, key, superseded FROM verdicts
)
SELECT kind, count(*), sum(units)::BIGINT, sum(votes)::BIGINT, sum(superseded)::BIGINT
FROM judged JOIN replaced USING (kind, key)
GROUP BY kind ORDER BY kind;
