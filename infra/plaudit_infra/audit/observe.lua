-- Read some conversations, or some buckets, and the position that belongs to them, in one moment.
--
-- KEYS[1]   position: hash
-- KEYS[2]   open: sorted set
-- KEYS[3]   ended: sorted set
-- KEYS[4..] hashes: conversations or buckets
-- ARGV[..]  the conversations' ids; none for buckets
-- returns   next offset (empty: nothing yet), number of open conversations, then for each hash: score in
--           open, score in ended (empty where it is not), its fields and values as one flat list
local result = {redis.call('HGET', KEYS[1], 'next') or '', redis.call('ZCARD', KEYS[2])}
for i = 4, #KEYS do
  local id = ARGV[i - 3]
  result[#result + 1] = id and redis.call('ZSCORE', KEYS[2], id) or ''
  result[#result + 1] = id and redis.call('ZSCORE', KEYS[3], id) or ''
  result[#result + 1] = redis.call('HGETALL', KEYS[i])
end
return result
