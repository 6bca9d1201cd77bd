-- The number of rows of each subset and split that met each fate.
SELECT subset, split, fate, count(*) FROM fates GROUP BY ALL ORDER BY ALL;
