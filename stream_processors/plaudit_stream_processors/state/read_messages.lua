-- Read messages of conversations of one partition, once it is folded up to an offset.
--
-- KEYS[1]  position: hash; next
-- then     conversations: hashes
-- ARGV[1]  the offset
-- then     for each conversation: number of fields, fields
-- returns  {'behind', next or ''}, or 'ok' and for each conversation the values of its fields, nil where there
--          is none
local following = redis.call('HGET', KEYS[1], 'next')
if not following or tonumber(following) < tonumber(ARGV[1]) then return {'behind', following or ''} end
local result, at = {'ok'}, 2
for i = 2, #KEYS do
  local count = tonumber(ARGV[at])
  result[i] = redis.call('HMGET', KEYS[i], unpack(ARGV, at + 1, at + count))
  at = at + 1 + count
end
return result
