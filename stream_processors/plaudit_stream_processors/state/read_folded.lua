-- Read conversations of one partition, once it is folded up to an offset.
--
-- KEYS[1]  position: hash; next
-- then     conversations: hashes
-- ARGV[1]  the offset
-- returns  {'behind', next or ''}, or 'ok' and for each conversation its fields and values as one flat list,
--          or 'large' or 'later' (hashes.lua)
local following = redis.call('HGET', KEYS[1], 'next')
if not following or tonumber(following) < tonumber(ARGV[1]) then return {'behind', following or ''} end
local result = {'ok'}
for i = 2, #KEYS do
  result[i] = fields_of(KEYS[i])
end
return result
