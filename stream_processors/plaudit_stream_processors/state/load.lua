-- Read many conversations in one call.
--
-- KEYS[..]  conversations: hashes
-- returns   for each key its fields and values as one flat list, empty where there is none
local result = {}
for i, key in ipairs(KEYS) do
  result[i] = redis.call('HGETALL', key)
end
return result
