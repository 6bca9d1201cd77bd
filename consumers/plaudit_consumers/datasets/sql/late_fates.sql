-- The number of amendments by fate, where the selection decided on it.
--
-- table late_words
SELECT fate, count(*) FROM late_words WHERE fate IS NOT NULL GROUP BY fate ORDER BY fate;
