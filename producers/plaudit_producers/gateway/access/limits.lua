-- Take tokens from several buckets. Each bucket is decided on its own.
--
-- KEYS[i]         bucket i: a hash with tokens (what it holds) and at (when that was so, milliseconds since 1970)
-- ARGV[1]         now, milliseconds since 1970
-- ARGV[2+4*(i-1)] rate of bucket i, tokens a second
-- ARGV[3+4*(i-1)] size of bucket i, tokens
-- ARGV[4+4*(i-1)] least number to take. A number above the size is taken from a full bucket, whose tokens are
--                 negative afterwards: later calls wait until the debt is paid
-- ARGV[5+4*(i-1)] largest number to take, if the bucket holds so many
-- returns         for each bucket {taken, 0, 0}. If it holds too few, the bucket is left as it is, and the answer
--                 is {0, milliseconds until there are enough, milliseconds until there is one}
local now = tonumber(ARGV[1])
local result = {}
for i, key in ipairs(KEYS) do
  local rate, size = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
  local least, most = tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
  local needed = math.min(least, size)
  local held = redis.call('HMGET', key, 'tokens', 'at')
  local at = tonumber(held[2]) or now
  -- The clocks of gateways differ. A call with an older time than the last one adds no tokens and removes none.
  local tokens = math.min(size, (tonumber(held[1]) or size) + math.max(0, now - at) * rate / 1000)
  if tokens >= needed then
    local taken = math.max(least, math.floor(math.min(most, tokens)))
    redis.call('HSET', key, 'tokens', string.format('%.6f', tokens - taken), 'at', math.max(now, at))
    -- Full again by then: a missing bucket counts as full, so expiry changes nothing.
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
