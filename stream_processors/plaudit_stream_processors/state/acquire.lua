-- Take ownership of one partition. Commits of all earlier owners are refused from now on.
--
-- KEYS[1]  position: hash; epoch, next (offset; absent before the first commit), owner, takeovers,
--          rules (versions of the fold's rules, each with its first offset, such as 1:0,2:1500)
-- ARGV[1]  the new owner's name
-- ARGV[2]  the version of the new owner's rules
-- returns  {'ok', epoch, next or '', rules}, or {'newer', rules} where the partition has newer rules
local held = redis.call('HMGET', KEYS[1], 'next', 'rules')
local following, rules = held[1], held[2]
-- A state without `rules` was begun before there were versions: by version 1, if by any.
if not rules then rules = following and '1:0' or (ARGV[2] .. ':0') end
local newest = tonumber(string.match(rules, '(%d+):%d+$'))
local own = tonumber(ARGV[2])
if newest > own then return {'newer', rules} end
if newest < own then rules = rules .. ',' .. ARGV[2] .. ':' .. (following or '0') end
-- Not a plain number: a worker from before there were versions counts the epoch up. It fails at this one, and
-- so cannot take a partition whose rules it does not know.
local epoch = 'r' .. ARGV[2] .. '-' .. redis.call('HINCRBY', KEYS[1], 'takeovers', 1)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'owner', ARGV[1], 'rules', rules)
return {'ok', epoch, following or '', rules}
