-- What is voted on, in order.
--
-- table vote_groups
SELECT kind, aspect, things, twice, votes, raters, settled FROM vote_groups ORDER BY kind, aspect;
