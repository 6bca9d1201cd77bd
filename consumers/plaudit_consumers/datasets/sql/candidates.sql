-- Adds the rows of one subset to the candidates.
--
-- table facts
-- part subset     the subset; also the view <subset>_rows
-- part condition  the condition of --where
-- part selected   whether --where-conversation selects the conversation of a row
-- part lines      the view of their lines: conversation_lines or judged_lines
-- fills candidates
INSERT INTO candidates
WITH rows AS (
    SELECT r.*, f.conversation
    FROM ${subset}_rows r
    LEFT JOIN facts f ON f.application = r.application AND f.conversation_id = r.conversation_id
),
-- A row for which the condition is null is left out, as by WHERE.
judged_rows AS (
    SELECT _kind AS kind, _key AS key, ${selected} AND coalesce((
        ${condition}
    ), false) AS wanted
    FROM rows
)
SELECT '${subset}', lines.*, CASE WHEN wanted THEN NULL ELSE 'filtered' END
FROM ${lines} lines JOIN judged_rows USING (kind, key);
