-- Puts every training row into a split. A row of one user is in the user's split, and left out where that is not
-- the split of its prompt. A row of several users is nobody's own and follows its prompt.
--
-- table homes
-- changes candidates
UPDATE candidates SET
    split = CASE WHEN users > 1 THEN home ELSE split END,
    fate = CASE WHEN users = 1 AND split <> home THEN 'prompt_of_another_split' END
FROM homes
WHERE candidates.kind <> 'conversation' AND candidates.fate IS NULL AND homes.prompt = candidates.prompt;
