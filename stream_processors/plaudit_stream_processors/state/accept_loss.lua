-- Move the position of a partition past events that the log has lost, and record the range.
--
-- The owner keeps its epoch: it has set the partition aside, and reads on once it sees the new position.
--
-- KEYS[1]  position: hash; next
-- KEYS[2]  losses: list
-- ARGV[1]  the first offset of the range; the position must be there
-- ARGV[2]  the offset after the range
-- ARGV[3]  the range as JSON
-- returns  'ok', or the position where it is another one ('' where there is none)
local following = redis.call('HGET', KEYS[1], 'next') or ''
-- This very range was given up already: the answer was lost.
if following == ARGV[2] and redis.call('LINDEX', KEYS[2], -1) == ARGV[3] then return 'ok' end
if following ~= ARGV[1] then return following end
redis.call('HSET', KEYS[1], 'next', ARGV[2])
redis.call('RPUSH', KEYS[2], ARGV[3])
return 'ok'
