-- Take tokens from several buckets, each on its own.
--
-- KEYS[i]         bucket: hash; tokens (what is in it), at (milliseconds of the last look)
-- ARGV[1]         now, milliseconds since 1970
-- ARGV[2+3*(i-1)] rate of bucket i, tokens a second
-- ARGV[3+3*(i-1)] its size, tokens
-- ARGV[4+3*(i-1)] how many to take; more than the size counts as the size
-- returns         for each bucket {0, 0} when they were taken, else {milliseconds until they can be,
--                 milliseconds until a single one can be}; a refused bucket keeps what it has
local now = tonumber(ARGV[1])
local result = {}
for i, key in ipairs(KEYS) do
  local rate, size = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local take = math.min(tonumber(ARGV[3 * i + 1]), size)
  local held = redis.call('HMGET', key, 'tokens', 'at')
  local at = tonumber(held[2]) or now
  -- A clock behind that of another gateway gives nothing and takes nothing.
  local tokens = math.min(size, (tonumber(held[1]) or size) + math.max(0, now - at) * rate / 1000)
  if tokens >= take then
    redis.call('HSET', key, 'tokens', string.format('%.6f', tokens - take), 'at', math.max(now, at))
    redis.call('PEXPIRE', key, math.ceil(size / rate * 1000) + 1000)
    result[i] = {0, 0}
  else
    result[i] = {
      math.ceil((take - tokens) / rate * 1000),
      math.max(0, math.ceil((1 - tokens) / rate * 1000)),
    }
  end
end
return result
