-- Numbers the raters who took a side in one aspect of one kind of thing.
--
-- table counted
--
-- variable vote_kind    the kind of thing
-- variable vote_aspect  the aspect
--
-- makes  raters  from 0 on
CREATE OR REPLACE TABLE raters AS
SELECT rater, row_number() OVER (ORDER BY rater) - 1 AS number
FROM (
    SELECT DISTINCT rater FROM counted
    WHERE kind = getvariable('vote_kind') AND aspect = getvariable('vote_aspect') AND abs(score - 0.5) > 1e-9
);
