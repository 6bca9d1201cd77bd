-- What becomes of every candidate; kept rows get their position in their split.
--
-- fills  fates
INSERT INTO fates
WITH placed AS (
    SELECT c.*, c.subset <> 'conversations' AS training, training AND c.split <> h.home AS astray
    FROM candidates c LEFT JOIN homes h USING (prompt)
    WHERE wanted AND NOT denied
),
numbered AS (
    SELECT *, row_number() OVER (
        PARTITION BY subset, content
        ORDER BY astray, finished_at, source_partition, source_offset, parts, filename, file_row_number
    ) AS nth
    FROM placed
),
judged AS (
    SELECT *, CASE WHEN training AND nth > 1 THEN 'duplicate'
                   WHEN astray THEN 'prompt_of_another_split'
                   ELSE 'kept' END AS fate
    FROM numbered
)
SELECT subset, filename, file_row_number, split, marked, fate,
       row_number() OVER (PARTITION BY subset, split, fate
                          ORDER BY finished_at, source_partition, source_offset, parts, content)
FROM judged
UNION ALL
SELECT subset, filename, file_row_number, split, marked,
       CASE WHEN denied THEN 'consent_denied' ELSE 'filtered' END, 0
FROM candidates WHERE denied OR NOT wanted;
