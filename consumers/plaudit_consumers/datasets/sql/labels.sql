-- The number of kept rows of a KTO subset by split and label.
--
-- table candidates
-- part subset  the subset; also the view <subset>_rows
SELECT c.split, r.label, count(*)
FROM ${subset}_rows r JOIN candidates c ON c.kind = r._kind AND c.key = r._key
WHERE c.subset = '${subset}' AND c.fate IS NULL
GROUP BY c.split, r.label ORDER BY c.split, r.label DESC;
