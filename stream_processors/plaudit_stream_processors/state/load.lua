-- Read many conversations in one call. An owner gets them only while Redis has all that it committed.
--
-- KEYS[1]   position: hash; epoch, next
-- KEYS[2..] conversations: hashes
-- ARGV[1]   epoch of the owner; absent for a reader, which takes what there is
-- ARGV[2]   offset up to which the owner has committed; 0 before its first commit
-- returns   'ok', 'fenced' (another owner) or 'lost' (Redis is behind); after 'ok', for each key its fields
--           and values as one flat list, empty where there is none
if ARGV[1] then
  local held = redis.call('HMGET', KEYS[1], 'epoch', 'next')
  if not held[1] then return {'lost'} end
  if held[1] ~= ARGV[1] then return {'fenced'} end
  if tonumber(held[2] or 0) < tonumber(ARGV[2]) then return {'lost'} end
end
local result = {'ok'}
for i = 2, #KEYS do
  result[i] = redis.call('HGETALL', KEYS[i])
end
return result
