-- What became of everything: the number of rows, and of the units and the votes that were added up in them; of
-- the rows, those of several users, and of these the ones that hold words of a user of another split.
--
-- table candidates
SELECT subset, coalesce(fate, 'kept'), CASE WHEN fate IS NULL THEN split END, count(*), sum(units)::BIGINT,
       sum(votes)::BIGINT, count(*) FILTER (users > 1),
       count(*) FILTER (users > 1 AND (first_split <> split OR last_split <> split))
FROM candidates GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
