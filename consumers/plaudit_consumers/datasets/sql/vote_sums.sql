-- What Krippendorff's alpha needs of the things with two votes at least, in groups of things.
--
-- table counted
--
-- variable vote_kind    the kind of thing
-- variable vote_aspect  the aspect
-- variable vote_buckets how many groups of things there are at most
--
-- Scores are whole millionths, and so are the sums: they do not depend on the order, which threads change.
WITH votes AS (
    SELECT key, round(score * 1000000)::HUGEINT AS score
    FROM counted
    WHERE kind = getvariable('vote_kind') AND aspect = getvariable('vote_aspect')
),
things AS (
    SELECT md5_number_lower(key) % getvariable('vote_buckets') AS bucket, count(*)::HUGEINT AS votes,
           sum(score)::HUGEINT AS total, sum(score * score)::HUGEINT AS squares
    FROM votes GROUP BY key HAVING count(*) > 1
)
SELECT bucket, sum(votes)::DOUBLE, sum(total)::DOUBLE, sum(squares)::DOUBLE,
       sum(2 * (votes * squares - total * total) // (votes - 1))::DOUBLE
FROM things GROUP BY bucket ORDER BY bucket;
