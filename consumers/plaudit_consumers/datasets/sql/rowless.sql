-- Adds what gives no row in a subset to the candidates, with the reason.
--
-- table verdicts, judged_lines
-- part subset  the subset
-- fills candidates
INSERT INTO candidates
SELECT '${subset}', lines.*, v.reason
FROM judged_lines lines JOIN verdicts v USING (kind, key)
WHERE v.subset = '${subset}' AND v.reason IS NOT NULL;
