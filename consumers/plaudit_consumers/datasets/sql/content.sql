-- The kept rows of one split of one subset, with all columns and in the order of the snapshot.
--
-- table candidates
-- part subset   the subset; also the view <subset>_rows
-- part split    the split
-- part columns  the columns of the subset's schema, of table r
SELECT ${columns}
FROM ${subset}_rows r JOIN candidates c ON c.kind = r._kind AND c.key = r._key
WHERE c.subset = '${subset}' AND c.split = '${split}' AND c.fate IS NULL
ORDER BY c.finished_at, c.source_partition, c.source_offset, c.key;
