-- Read many conversations in one call. An owner gets them only while Redis has all that it committed.
--
-- KEYS      conversations: hashes; for an owner, then the position: hash; epoch, next
-- ARGV[1]   epoch of the owner; absent for a reader, which takes what there is
-- ARGV[2]   offset up to which the owner has committed; 0 before its first commit
-- returns   'ok', 'fenced' (another owner) or 'lost' (Redis is behind); after 'ok', for each conversation its
--           fields and values as one flat list, or 'large' or 'later' (hashes.lua)
local count = #KEYS
if ARGV[1] then
  local held = redis.call('HMGET', KEYS[count], 'epoch', 'next')
  if not held[1] then return {'lost'} end
  if held[1] ~= ARGV[1] then return {'fenced'} end
  if tonumber(held[2] or 0) < tonumber(ARGV[2]) then return {'lost'} end
  count = count - 1
end
local result = {'ok'}
for i = 1, count do
  result[i + 1] = fields_of(KEYS[i])
end
return result
