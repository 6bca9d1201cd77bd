-- Decides the fate of every candidate. Kept rows get their position in their split.
--
-- table candidates, homes
-- fills fates
INSERT INTO fates
WITH placed AS (
    SELECT c.*, c.subset <> 'conversations' AS training, training AND c.split <> h.home AS astray
    FROM candidates c LEFT JOIN homes h USING (prompt)
    WHERE wanted AND NOT denied
),
-- Of duplicates the earliest stays, but those in the split of their prompt come before the others, which are
-- left out anyway.
numbered AS (
    SELECT *, row_number() OVER (
        PARTITION BY subset, content
        ORDER BY astray, finished_at, source_partition, source_offset, parts, filename, file_row_number
    ) AS nth
    FROM placed
),
-- Only training rows are left out: `conversations` has one row for each conversation in any case.
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
