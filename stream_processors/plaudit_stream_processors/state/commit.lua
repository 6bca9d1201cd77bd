-- Commit one batch of one partition: all of it, or nothing.
--
-- KEYS[1]  position: hash; epoch, next, owner, takeovers, rules, arrived_ms, swept (where in `changed` to look
--          for names that are gone)
-- KEYS[2]  open: sorted set; conversation by last activity (record timestamp, ms)
-- KEYS[3]  ended: sorted set; conversation by end (record timestamp, ms)
-- KEYS[4]  changed: sorted set; bucket by the offset that changed it last
-- then     the batch's conversations, its buckets, conversations that may have expired, buckets that may be
--          gone; none of these is one of the batch's
-- ARGV[1]  epoch of the owner
-- ARGV[2]  offset at which the batch starts
-- ARGV[3]  offset after the batch
-- ARGV[4]  the batch's latest record timestamp, ms; 0 where it has no records
-- ARGV[5]  retention after the end, ms
-- ARGV[6]  how long the rest of an expired conversation refuses late events, ms; 0 is forever
-- ARGV[7]  1 where Redis may hold no position: the owner found none and has committed nothing yet
-- ARGV[8]  bytes before the id in a conversation's key; ARGV[9] bytes before the name in a bucket's key
-- ARGV[10..13] numbers of conversations, of buckets, of those that may have expired, of those that may be gone
-- then     for each conversation: word, score, number of strings, field, value, ...
--          word: open, ended, erased, anew open, anew ended; kept or closed where it was open before this batch and
--          is open or ended now: it is in `open` then, not in `ended`, and cannot expire
-- then     for each bucket: time to live in ms, number of strings, cell, delta, ...
-- returns  {'fenced'} (another owner), {'lost'} (no position), {'gap'} (it does not start at the position), or
--          {'ok', ids of conversations that may have expired, names of buckets to look at}, for the next commit
--
-- While a slot of a cluster moves, a node runs a script only if it has every key that the script is given, and a
-- command in the script fails once its key is gone. So each key is given, and after the first write no command
-- touches a key that an earlier one may have emptied: first all that adds, then all that removes.
local held = redis.call('HMGET', KEYS[1], 'epoch', 'next', 'swept')
if not held[1] then return {'lost'} end
if held[1] ~= ARGV[1] then return {'fenced'} end
-- This very batch is written already; its owner sent it again because the answer was lost.
if held[2] and held[2] == ARGV[3] and ARGV[2] ~= ARGV[3] then return {'ok', {}, {}} end
if held[2] and held[2] ~= ARGV[2] then return {'gap'} end
if not held[2] and ARGV[7] ~= '1' then return {'lost'} end

-- unpack() fails on some 8000 values, the limit of Lua's C stack. Even, as fields and values come in pairs.
local CHUNK = 4000
local function in_chunks(command, key, values)
  for first = 1, #values, CHUNK do
    redis.call(command, key, unpack(values, first, math.min(first + CHUNK - 1, #values)))
  end
end
local function name_of(key, bytes) return string.sub(key, bytes + 1) end

local ID, NAME = tonumber(ARGV[8]), tonumber(ARGV[9])
local buckets_at = 4 + tonumber(ARGV[10])
local expired_at = buckets_at + tonumber(ARGV[11])
local gone_at = expired_at + tonumber(ARGV[12])

-- What this commit may remove. It was found by the commit before, so look again.
-- This waits an hour more: record timestamps step back a little when a partition's leader changes.
local before = ARGV[4] - ARGV[5] - 3600000
local expired, gone, no_longer_open, no_longer_ended = {}, {}, {}, {}
for i = expired_at + 1, gone_at do
  local id = name_of(KEYS[i], ID)
  local score = redis.call('ZSCORE', KEYS[3], id)
  if score and tonumber(score) < before then
    expired[#expired + 1] = KEYS[i]
    no_longer_ended[#no_longer_ended + 1] = id
  end
end
for i = gone_at + 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then gone[#gone + 1] = name_of(KEYS[i], NAME) end
end

-- What the next commit may remove. Those that this one removes come first in their order.
local maybe_expired = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. before, 'LIMIT', #expired, 500)
-- Buckets expire by themselves, but their names do not. Each commit looks at the next few of them.
local LOOK = 20
local from = tonumber(held[3] or 0)
local maybe_gone = redis.call('ZRANGE', KEYS[4], from, from + LOOK - 1)

local opened, ended = {}, {}
local at = 14
for i = 5, buckets_at do
  local key, id = KEYS[i], name_of(KEYS[i], ID)
  local state, score, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  local anew = string.sub(state, 1, 5) == 'anew '
  if anew then state = string.sub(state, 6) end
  local old = (anew or state == 'erased') and redis.call('HKEYS', key) or {}
  for first = at, at + count - 1, CHUNK do
    redis.call('HSET', key, unpack(ARGV, first, math.min(first + CHUNK, at + count) - 1))
  end
  local was_open = state == 'kept' or state == 'closed'
  -- An expired conversation that is written again must not go while it is open or listed as ended.
  if not was_open then redis.call('PERSIST', key) end
  if #old > 0 then -- erased content goes at once
    local new, rest = {}, {}
    for j = at, at + count - 1, 2 do new[ARGV[j]] = true end
    for _, field in ipairs(old) do
      if not new[field] then rest[#rest + 1] = field end
    end
    in_chunks('HDEL', key, rest)
  end
  at = at + count
  local into, other, leaving = opened, KEYS[3], no_longer_ended
  if state ~= 'open' and state ~= 'kept' then into, other, leaving = ended, KEYS[2], no_longer_open end
  into[#into + 1] = score
  into[#into + 1] = id
  -- Only members are removed: the set may be gone after a chunk that holds its last one.
  if state == 'closed' or not was_open and redis.call('ZSCORE', other, id) then leaving[#leaving + 1] = id end
end

local changed = {}
for i = buckets_at + 1, expired_at do
  local ttl, count = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  for j = at, at + count - 1, 2 do
    redis.call('HINCRBY', KEYS[i], ARGV[j], ARGV[j + 1])
  end
  at = at + count
  redis.call('PEXPIRE', KEYS[i], ttl)
  changed[#changed + 1] = ARGV[3]
  changed[#changed + 1] = name_of(KEYS[i], NAME)
end
in_chunks('ZADD', KEYS[2], opened)
in_chunks('ZADD', KEYS[3], ended)
in_chunks('ZADD', KEYS[4], changed)

-- Expired conversations give their memory back. `progress` stays, to refuse late events as a replay would.
for _, key in ipairs(expired) do
  local rest, kept = {}, false
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if field == 'progress' then kept = true else rest[#rest + 1] = field end
  end
  in_chunks('HDEL', key, rest)
  if kept and ARGV[6] ~= '0' then redis.call('PEXPIRE', key, ARGV[6]) end
end
in_chunks('ZREM', KEYS[2], no_longer_open)
in_chunks('ZREM', KEYS[3], no_longer_ended)
local removed = #gone > 0 and redis.call('ZREM', KEYS[4], unpack(gone)) or 0

-- The names removed lay before those that are looked at next, which have moved up by as many places.
local swept = #maybe_gone < LOOK and 0 or math.max(0, from + LOOK - removed)
redis.call('HSET', KEYS[1], 'next', ARGV[3], 'swept', swept)
-- A batch without records keeps the time that was reached before.
if ARGV[4] ~= '0' then redis.call('HSET', KEYS[1], 'arrived_ms', ARGV[4]) end
return {'ok', maybe_expired, maybe_gone}
