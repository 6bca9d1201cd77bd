-- The votes that take a side in one aspect of one kind of thing, those on one thing one after the other.
--
-- table counted, raters
--
-- variable vote_kind    the kind of thing
-- variable vote_aspect  the aspect
SELECT c.key, r.number AS rater, (c.score > 0.5)::BIGINT AS label
FROM counted c JOIN raters r USING (rater)
WHERE kind = getvariable('vote_kind') AND aspect = getvariable('vote_aspect') AND abs(score - 0.5) > 1e-9
ORDER BY c.key, r.number;
