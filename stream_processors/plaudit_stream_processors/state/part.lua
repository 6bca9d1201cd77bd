-- Read a part of a conversation that is too large for one answer.
--
-- KEYS[1]   conversation: hash; for an owner, then the position: hash; epoch, next
-- ARGV[1]   cursor; 0 begins
-- ARGV[2]   'values', or 'sizes' for the bytes of each value in its place
-- ARGV[3]   epoch of the owner; empty for a reader
-- ARGV[4]   offset up to which the owner has committed; 0 before its first commit
-- ARGV[5..] fields that the part before left over
-- returns   'fenced' or 'lost', as load.lua, or 'ok', the next cursor (0 at the end), fields with values or sizes
--           as one flat list, and fields that are left over; a field may come twice
local MOST, MOST_FIELDS = 4194304, 8000
if ARGV[3] ~= '' then
  local held = redis.call('HMGET', KEYS[2], 'epoch', 'next')
  if not held[1] then return {'lost'} end
  if held[1] ~= ARGV[3] then return {'fenced'} end
  if tonumber(held[2] or 0) < tonumber(ARGV[4]) then return {'lost'} end
end
local cursor, read, result, left = ARGV[1], 0, {}, {}
local function take(field, value)
  if not value then return end  -- deleted meanwhile
  if read >= MOST then left[#left + 1] = field return end
  read = read + #field + #value
  result[#result + 1] = field
  result[#result + 1] = ARGV[2] == 'sizes' and #value or value
end
for i = 5, #ARGV do
  if read >= MOST then left[#left + 1] = ARGV[i] else take(ARGV[i], redis.call('HGET', KEYS[1], ARGV[i])) end
end
while (cursor ~= '0' or #ARGV < 5) and read < MOST and #result < MOST_FIELDS do
  -- Fields that lie together come together, so the values of some may not fit into this part.
  local found = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 4)
  cursor = found[1]
  for i = 1, #found[2], 2 do take(found[2][i], found[2][i + 1]) end
  if cursor == '0' then break end
end
return {'ok', cursor, result, left}
