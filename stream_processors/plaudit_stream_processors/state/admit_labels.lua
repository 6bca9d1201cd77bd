-- Give values places, first come, first served. Each application has places of its own, and all partitions share them.
--
-- What is decided stays: a value that has a place of a day keeps it for all events from its time on, and one that was
-- refused is refused for all events of that generation. A generation begins with a day, or when places are cleared.
-- Partitions may be at different times, so a place is not given late where that would free one that was refused.
--
-- KEYS[1]  places of the day: sorted set; application, a null character and the value, all with score 0
-- KEYS[2]  places of the day before
-- KEYS[3]  since: hash; place -> the generation that gave it, ms, where that did not begin with the day
-- KEYS[4]  since, of the day before
-- KEYS[5]  cleared: hash; kind, a null character and the application -> when its places were cleared last, ms
-- KEYS[6]  clears: sorted set; when places were cleared, ms, with that as score
-- KEYS[7]  days: sorted set; days since 1970 of which anything was decided, with that as score
-- KEYS[8]  places of the day after
-- ARGV[1]  the kind of the values
-- ARGV[2]  the day; ARGV[3] its begin, ms; ARGV[4] the begin of the generation, ms
-- ARGV[5]  how long to keep the places of a day, ms; 0 is forever
-- then     for each value: application, value, number of places that the application has
-- returns  the newest clear, ms, or 0; then 1 or 0 for each value
local kind, day = ARGV[1], tonumber(ARGV[2])
local begin, generation, keep = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local newest = redis.call('ZRANGE', KEYS[6], -1, -1)[1] or '0'

local function cleared(application)
  return tonumber(redis.call('HGET', KEYS[5], kind .. '\0' .. application) or 0)
end

-- Whether places of the day after may have been refused for want of one.
local follows, counted_after = redis.call('ZSCORE', KEYS[7], day + 1), {}
local function full_after(application, limit)
  if not follows then return false end
  local from, to = '[' .. application .. '\0', '(' .. application .. '\1'
  if not counted_after[application] then
    local count = redis.call('ZLEXCOUNT', KEYS[8], from, to)
    for _, other in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], from, to)) do
      if not redis.call('ZSCORE', KEYS[8], other) then count = count + 1 end
    end
    counted_after[application] = count
  end
  return counted_after[application] >= limit
end

-- A place that was given before its application's were cleared is no longer held.
local function holds(since, place, cleared_at, earliest)
  if cleared_at <= earliest then return true end
  return tonumber(redis.call('HGET', since, place) or 0) >= cleared_at
end

local counted = {}
local function held(application, cleared_at)
  if counted[application] then return counted[application] end
  local from, to = '[' .. application .. '\0', '(' .. application .. '\1'
  local names, count = {}, 0
  for at = 1, 2 do
    for _, place in ipairs(redis.call('ZRANGEBYLEX', KEYS[at], from, to)) do
      if not names[place] and holds(KEYS[at + 2], place, cleared_at, at == 1 and begin or begin - 86400000) then
        names[place] = true
        count = count + 1
      end
    end
  end
  counted[application] = count
  return count
end

local function decide(application, place, limit)
  local at = cleared(application)
  if at > generation then return false end -- a later generation may have refused it
  local keeps = redis.call('ZSCORE', KEYS[2], place) and holds(KEYS[4], place, at, begin - 86400000)
  local before = held(application, at)
  if not keeps and before >= limit then return false end
  if full_after(application, limit) then return false end
  redis.call('ZADD', KEYS[1], 0, place)
  if generation > begin then redis.call('HSET', KEYS[3], place, ARGV[4]) end
  if not keeps then counted[application] = before + 1 end
  if follows and not redis.call('ZSCORE', KEYS[8], place) then
    counted_after[application] = counted_after[application] + 1
  end
  return true
end

local result, added = {newest}, false
for i = 6, #ARGV, 3 do
  local application, place = ARGV[i], ARGV[i] .. '\0' .. ARGV[i + 1]
  local answer = 0
  if redis.call('ZSCORE', KEYS[1], place) then
    -- Given by a later generation of the day: events before that were refused.
    if tonumber(redis.call('HGET', KEYS[3], place) or 0) <= generation then answer = 1 end
  elseif decide(application, place, tonumber(ARGV[i + 2])) then
    answer, added = 1, true
  end
  result[#result + 1] = answer
end
if redis.call('ZADD', KEYS[7], day, day) == 1 or added then
  if keep > 0 then
    redis.call('PEXPIRE', KEYS[1], keep)
    redis.call('PEXPIRE', KEYS[3], keep)
    local last = tonumber(redis.call('ZRANGE', KEYS[7], -1, -1)[1])
    redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', last - math.ceil(keep / 86400000) - 1)
  end
end
return result
