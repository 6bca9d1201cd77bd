-- Admit labels to a bounded set, first come, first served. All partitions share the set.
--
-- KEYS[1]   labels: set
-- ARGV[1]   the limit
-- ARGV[2..] labels
-- returns   1 or 0 for each label
local result = {}
for i = 2, #ARGV do
  local known = redis.call('SISMEMBER', KEYS[1], ARGV[i])
  if known == 0 and redis.call('SCARD', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('SADD', KEYS[1], ARGV[i])
    known = 1
  end
  result[i - 1] = known
end
return result
