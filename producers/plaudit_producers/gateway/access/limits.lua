-- Take tokens from several buckets, each on its own.
--
-- KEYS[i]         bucket: hash; tokens (what is in it), at (milliseconds of the last look)
-- ARGV[1]         now, milliseconds since 1970
-- ARGV[2+4*(i-1)] rate of bucket i, tokens a second
-- ARGV[3+4*(i-1)] its size, tokens
-- ARGV[4+4*(i-1)] how many to take at least; of more than the size, all are taken from a full bucket, which then
--                 owes them (its tokens are negative)
-- ARGV[5+4*(i-1)] how many to take at most, if there are so many
-- returns         for each bucket {taken, 0, 0}, or, where there are too few, {0, milliseconds until there
--                 are enough, milliseconds until there is one}; such a bucket keeps what it has
local now = tonumber(ARGV[1])
local result = {}
for i, key in ipairs(KEYS) do
  local rate, size = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
  local least, most = tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
  local needed = math.min(least, size)
  local held = redis.call('HMGET', key, 'tokens', 'at')
  local at = tonumber(held[2]) or now
  -- A clock behind that of another gateway gives nothing and takes nothing.
  local tokens = math.min(size, (tonumber(held[1]) or size) + math.max(0, now - at) * rate / 1000)
  if tokens >= needed then
    local taken = math.max(least, math.floor(math.min(most, tokens)))
    redis.call('HSET', key, 'tokens', string.format('%.6f', tokens - taken), 'at', math.max(now, at))
    redis.call('PEXPIRE', key, math.ceil((size - tokens + taken) / rate * 1000) + 1000)
    result[i] = {taken, 0, 0}
  else
    result[i] = {
      0,
      math.ceil((needed - tokens) / rate * 1000),
      math.max(0, math.ceil((1 - tokens) / rate * 1000)),
    }
  end
end
return result
