-- The split of each prompt: the one in which it came up first, so that it stays there as new rows come in.
--
-- table candidates
--
-- makes  homes
CREATE TABLE homes AS
SELECT prompt,
       min(struct_pack(a := finished_at, b := source_partition, c := source_offset, split := split)).split AS home
FROM candidates
WHERE subset <> 'conversations' AND wanted AND NOT denied
GROUP BY prompt;
