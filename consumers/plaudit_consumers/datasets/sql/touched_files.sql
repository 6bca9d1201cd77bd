-- The canonical files with rows that change, and the number of amendments to them.
--
-- table touched, said
SELECT filename, count(said.amendment)
FROM touched LEFT JOIN said USING (filename, file_row_number)
GROUP BY filename ORDER BY filename;
