-- Marks the chosen conversations that --where-conversation leaves out. A condition that is null leaves out, as by
-- WHERE.
--
-- table chosen, facts, conversations_rows
-- part condition  the condition
-- changes  chosen
UPDATE chosen SET selected = false
WHERE key NOT IN (
    SELECT _key
    FROM (
        SELECT r.*, f.conversation
        FROM conversations_rows r
        LEFT JOIN facts f ON f.application = r.application AND f.conversation_id = r.conversation_id
    ) rows
    WHERE coalesce((
        ${condition}
    ), false)
);
