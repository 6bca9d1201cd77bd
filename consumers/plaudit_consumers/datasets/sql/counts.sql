-- How many rows of each subset met which fate.
SELECT subset, split, fate, count(*) FROM fates GROUP BY ALL ORDER BY ALL;
