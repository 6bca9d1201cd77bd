-- The number of rows and the first few keys of each kind of difference.
--
-- table differences
-- variable examples  how many keys, at most
SELECT fate, sum(rows)::BIGINT, list(key ORDER BY key)[1:getvariable('examples')]
FROM differences GROUP BY fate ORDER BY fate;
