-- Read items.
--
-- KEYS     items: hashes
-- returns  for each its fields and values as one flat list, empty where there is none
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGETALL', key) end
return found
