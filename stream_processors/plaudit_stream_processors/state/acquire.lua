-- Take ownership of one partition. Commits of all earlier owners are refused from now on.
--
-- KEYS[1]  position: hash; epoch, next (offset; absent before the first commit), owner
-- ARGV[1]  the new owner's name
-- returns  {epoch, next or ''}
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1])
return {epoch, redis.call('HGET', KEYS[1], 'next') or ''}
