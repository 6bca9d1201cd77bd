-- Read some conversations, or some buckets, together with the position that belongs to them, atomically.
--
-- KEYS[1]   position: hash; next (the next offset to fold)
-- KEYS[2]   open: sorted set
-- KEYS[3]   ended: sorted set
-- KEYS[4..] hashes: conversations or buckets
-- ARGV[..]  the conversations' ids; none for buckets
-- returns   the next offset (empty before the first commit), the number of open conversations, the time in
--           seconds by the clock that lets buckets expire, then for each hash: its score in open, its score in
--           ended (empty if it is not in the set), and its fields and values as one flat list. Of a conversation for
--           which hashes.lua says `large` or `later`: that word, and the field `progress`
local result = {redis.call('HGET', KEYS[1], 'next') or '', redis.call('ZCARD', KEYS[2]), redis.call('TIME')[1]}
for i = 4, #KEYS do
  local id = ARGV[i - 3]
  result[#result + 1] = id and redis.call('ZSCORE', KEYS[2], id) or ''
  result[#result + 1] = id and redis.call('ZSCORE', KEYS[3], id) or ''
  local fields = id and fields_of(KEYS[i]) or redis.call('HGETALL', KEYS[i])
  if type(fields) == 'string' then fields = {fields, redis.call('HGET', KEYS[i], 'progress') or ''} end
  result[#result + 1] = fields
end
return result
