-- Lists the units without their texts and votes, and adds up those of the same thing.
--
-- table chosen
-- variable units_files  the files of units
--
-- makes  units   every unit
--        judged  every judged thing: an answer to a prompt, or two of them. It has the place of its earliest
--                unit, and how many users asked, in how many conversations
--        judged_lines  their lines in `candidates`
CREATE TABLE units AS
SELECT u.kind, u.key, u.prompt_key, u.turns, u.application, u.conversation_id, u.model, u.licence, u.finished_at,
       u.source_partition, u.source_offset, u.filename, u.file_row_number, c.asker, c.split,
       len(u.votes) AS votes
FROM read_parquet(getvariable('units_files'), hive_partitioning = false, filename = true,
                  file_row_number = true) u
JOIN chosen c USING (application, conversation_id);

CREATE TABLE judged AS
WITH added AS (
    SELECT kind, key, count(*) AS units, sum(votes)::BIGINT AS votes, count(DISTINCT asker) AS users,
           count(DISTINCT (application, conversation_id)) AS conversations,
           -- All licences hold at once. One that is unknown may be any.
           CASE WHEN count(*) = count(licence)
                THEN string_agg(DISTINCT licence, ', ' ORDER BY licence) END AS licence,
           min(split) AS first_split, max(split) AS last_split
    FROM units GROUP BY kind, key
)
SELECT u.kind, u.key, u.prompt_key AS prompt, u.turns, u.model, u.finished_at, u.source_partition,
       u.source_offset, u.filename, u.file_row_number, u.asker, u.split, added.* EXCLUDE (kind, key)
FROM units u JOIN added USING (kind, key)
-- A conversation has one unit of a thing at most.
QUALIFY row_number() OVER (
    PARTITION BY u.kind, u.key
    ORDER BY u.finished_at, u.source_partition, u.source_offset, u.application, u.conversation_id
) = 1;

CREATE VIEW judged_lines AS
SELECT kind, key, prompt, turns, model, asker, split, users, units, votes, first_split, last_split, finished_at,
       source_partition, source_offset
FROM judged;
