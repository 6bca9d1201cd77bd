-- The split of each prompt: the one of most of the users who asked it.
--
-- table candidates, units
-- variable salt  a different salt gives different splits
--
-- makes  homes
CREATE TABLE homes AS
WITH prompts AS (
    -- If all rows of a first question are of several users, it is nobody's own, and its hash decides.
    SELECT prompt, bool_and(users > 1 AND turns = 1) AS is_shared,
           split_of(to_json(struct_pack(salt := getvariable('salt'), prompt := prompt))::VARCHAR) AS own_split
    FROM candidates WHERE kind <> 'conversation' AND fate IS NULL
    GROUP BY prompt
),
-- A user counts once for each prompt, whatever the number of rows.
askers AS (
    SELECT DISTINCT c.prompt, u.asker, u.split
    FROM candidates c JOIN units u USING (kind, key)
    WHERE c.fate IS NULL
),
counted AS (
    SELECT prompt, split, count(*) AS users FROM askers GROUP BY ALL
)
-- A tie goes by the prompt's hash, so that it does not depend on the order of anything.
SELECT prompt, CASE WHEN is_shared THEN own_split ELSE split END AS home
FROM counted JOIN prompts USING (prompt)
QUALIFY row_number() OVER (
    PARTITION BY prompt ORDER BY users DESC, split = own_split DESC, md5(prompt || split)
) = 1;
