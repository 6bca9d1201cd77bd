-- Commit one batch of one partition: all of it, or nothing.
--
-- KEYS[1]  position: hash; epoch, next, owner, arrived_ms, swept (where in `changed` the next commit looks)
-- KEYS[2]  open: sorted set; conversation by last activity (record timestamp, ms)
-- KEYS[3]  ended: sorted set; conversation by end (record timestamp, ms)
-- KEYS[4]  changed: sorted set; bucket by the offset that changed it last
-- ARGV[1]  epoch of the owner
-- ARGV[2]  offset at which the batch starts
-- ARGV[3]  offset after the batch
-- ARGV[4]  the batch's latest record timestamp, ms; 0 where it has no records
-- ARGV[5]  retention after the end, ms
-- ARGV[6]  how long the rest of an expired conversation refuses late events, ms; 0 is forever
-- ARGV[7]  key prefix of conversations (same slot as KEYS)
-- ARGV[8]  key prefix of metric buckets (same slot)
-- ARGV[9]  1 where Redis may hold no position: the owner found none and has committed nothing yet
-- ARGV[10] number of conversations; for each: id, state (open, ended, erased), score,
--          number of strings, field, value, ...
-- then     number of buckets; for each: name, time to live in ms, number of strings, cell, delta, ...
-- returns  'ok', or 'fenced' (another owner), 'lost' (no position), 'gap' (it does not start at the position)
local held = redis.call('HMGET', KEYS[1], 'epoch', 'next', 'swept')
if not held[1] then return 'lost' end
if held[1] ~= ARGV[1] then return 'fenced' end
-- This very batch is written already; its owner sent it again because the answer was lost.
if held[2] and held[2] == ARGV[3] and ARGV[2] ~= ARGV[3] then return 'ok' end
if held[2] and held[2] ~= ARGV[2] then return 'gap' end
if not held[2] and ARGV[9] ~= '1' then return 'lost' end

-- unpack() fails on some 8000 values, the limit of Lua's C stack. Even, as fields and values come in pairs.
local CHUNK = 4000
local at = 11
for _ = 1, tonumber(ARGV[10]) do
  local id, state, score, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local key = ARGV[7] .. id
  at = at + 4
  -- The erased content goes at once; the fields below hold none of it.
  if state == 'erased' then redis.call('DEL', key) end
  for first = at, at + count - 1, CHUNK do
    redis.call('HSET', key, unpack(ARGV, first, math.min(first + CHUNK, at + count) - 1))
  end
  at = at + count
  if state == 'open' then
    redis.call('ZADD', KEYS[2], score, id)
    redis.call('ZREM', KEYS[3], id)
  else
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZADD', KEYS[3], score, id)
  end
end

local buckets = tonumber(ARGV[at])
at = at + 1
for _ = 1, buckets do
  local name, ttl, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local key = ARGV[8] .. name
  at = at + 3
  for i = at, at + count - 1, 2 do
    redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1])
  end
  at = at + count
  redis.call('PEXPIRE', key, ttl)
  redis.call('ZADD', KEYS[4], ARGV[3], name)
end

-- Expired conversations give their memory back. `progress` stays, to refuse late events as a replay would.
-- This waits an hour more: record timestamps step back a little when a partition's leader changes.
local before = ARGV[4] - ARGV[5] - 3600000
local expired = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. before, 'LIMIT', 0, 500)
for _, id in ipairs(expired) do
  local key = ARGV[7] .. id
  local progress = redis.call('HGET', key, 'progress')
  redis.call('DEL', key)
  if progress then
    redis.call('HSET', key, 'progress', progress)
    if ARGV[6] ~= '0' then redis.call('PEXPIRE', key, ARGV[6]) end
  end
  redis.call('ZREM', KEYS[3], id)
end

-- Buckets expire by themselves, but their names do not. Each commit looks at the next few of them.
local LOOK = 20
local from, gone = tonumber(held[3] or 0), 0
local names = redis.call('ZRANGE', KEYS[4], from, from + LOOK - 1)
for _, name in ipairs(names) do
  if redis.call('EXISTS', ARGV[8] .. name) == 0 then
    redis.call('ZREM', KEYS[4], name)
    gone = gone + 1
  end
end
local swept = #names < LOOK and 0 or from + LOOK - gone

redis.call('HSET', KEYS[1], 'next', ARGV[3], 'swept', swept)
-- A batch without records keeps the time that was reached before.
if ARGV[4] ~= '0' then redis.call('HSET', KEYS[1], 'arrived_ms', ARGV[4]) end
return 'ok'
