-- The number of rows by subset, split and fate.
SELECT subset, split, fate, count(*) FROM fates GROUP BY ALL ORDER BY ALL;
