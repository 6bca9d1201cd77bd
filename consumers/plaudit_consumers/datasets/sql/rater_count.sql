-- How many raters took a side.
--
-- table raters
SELECT count(*) FROM raters;
