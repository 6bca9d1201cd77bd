-- Takes over the votes that count, and lists what they are about.
--
-- variable counted_files  the file of these votes
--
-- makes  counted      one for each thing, aspect and rater
--        vote_groups  kind of thing and aspect -> things, those with two votes, votes, raters, settled things
CREATE VIEW counted AS
SELECT * FROM read_parquet(getvariable('counted_files'), hive_partitioning = false);

CREATE TABLE vote_groups AS
WITH things AS (
    SELECT kind, aspect, key, count(*) AS votes, bool_or(adjudicated) AS settled
    FROM counted GROUP BY ALL
),
added AS (
    SELECT kind, aspect, count(*) AS things, count(*) FILTER (votes > 1) AS twice, sum(votes)::BIGINT AS votes,
           count(*) FILTER (settled) AS settled
    FROM things GROUP BY ALL
),
raters AS (
    SELECT kind, aspect, count(DISTINCT rater) AS raters FROM counted GROUP BY ALL
)
SELECT * FROM added JOIN raters USING (kind, aspect);
