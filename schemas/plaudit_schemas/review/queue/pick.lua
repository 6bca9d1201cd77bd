-- Find the next item for a reviewer. Nothing is claimed yet (claim.lua).
--
-- KEYS      then the reviewer's touched, record
-- ARGV[2]   reviewer
-- ARGV[3]   share of control items
-- returns   {'item', id}, {'none'}, {'more'} (it has looked at BUDGET items; ask again), {'unready'} or
--           {'overdue', members}
--
-- What is bounded: one call looks at BUDGET items. In `started` each item is looked at once by each reviewer, in
-- `fresh` only those that the reviewer declined are looked at again, when one before them comes free.
local BUDGET, FIRST, CHUNK = 250, 8, 250
local blocked = hindrance()
if blocked then return blocked end
local reviewer, share = ARGV[2], tonumber(ARGV[3])
local TOUCHED, RECORD = KEYS[SHARED + 1], KEYS[SHARED + 2]
local record = hash_of(RECORD)

local held, since = nil, nil
for name, at in pairs(record) do
  local id = string.match(name, '^held:(.*)$')
  if id and (not since or tonumber(at) < since) then held, since = id, tonumber(at) end
end
if held then return { 'item', held } end

local looked = 0

-- The first item from a score on that the reviewer has not touched, and the score up to which all is touched.
local function look(key, from, highest)
  local start, same = from, 0 -- how many of the score `from` were looked at
  local size = FIRST -- mostly one of the first will do
  while looked < BUDGET or from == start do -- the next call begins at `from`
    local flat = redis.call('ZRANGEBYSCORE', key, whole(from), highest, 'WITHSCORES', 'LIMIT', same, size)
    if #flat == 0 then return nil, from, true end
    local ids = {}
    for i = 1, #flat, 2 do ids[#ids + 1] = flat[i] end
    local touched = redis.call('ZMSCORE', TOUCHED, unpack(ids))
    looked = looked + #ids
    for i, id in ipairs(ids) do
      if not touched[i] then return id, from, true end
      local score = tonumber(flat[2 * i])
      from, same = score, score == from and same + 1 or 1
    end
    if #ids < size then return nil, from, true end
    size = looked < BUDGET and math.min(4 * size, BUDGET - looked) or CHUNK
  end
  return nil, from, false
end

local function find()
  for level = overlap - 1, 1, -1 do
    local from = tonumber(record['at:' .. level] or 0)
    local base = (MOST - level) * LEVEL
    local id, reached, all = look(STARTED, math.max(from, base), '(' .. whole(base + LEVEL))
    if reached > math.max(from, base) then add('HSET', RECORD, 'at:' .. level, whole(reached)) end
    if id or not all then return id, all end
  end
  local from = tonumber(redis.call('ZSCORE', AHEAD, reviewer) or 0)
  local id, reached, all = look(FRESH, from, '+inf')
  if reached > from then add('ZADD', AHEAD, whole(reached), reviewer) end
  return id, all
end

-- Whether this claim is one for a control item: one at a random place of each 1/share claims.
local function control_is_due()
  if share <= 0 then return false end
  local claims = tonumber(record.claims or 0)
  local guess = math.floor(claims * share)
  for number = math.max(guess - 1, 0), guess + 1 do
    local chance = tonumber(string.sub(redis.sha1hex(CONTROLS .. reviewer .. number), 1, 8), 16) / 4294967296
    if math.floor((number + chance) / share) == claims then return true end
  end
  return false
end

-- A control item that the reviewer has not touched. Each reviewer begins at another.
local function control()
  local all = redis.call('ZCARD', CONTROLS)
  local steps = tonumber(record.controls or 0)
  if all == 0 then return nil end
  local start = tonumber(string.sub(redis.sha1hex(reviewer), 1, 8), 16) % all
  while steps < all and looked < 2 * BUDGET do
    local at = (start + steps) % all
    local ids = redis.call('ZRANGE', CONTROLS, at, math.min(at + CHUNK, at + all - steps, all) - 1)
    local touched = redis.call('ZMSCORE', TOUCHED, unpack(ids))
    for i, id in ipairs(ids) do
      if not touched[i] then
        add('HSET', RECORD, 'controls', steps)
        return id
      end
      steps = steps + 1
    end
    looked = looked + #ids
  end
  add('HSET', RECORD, 'controls', steps)
  return nil
end

local id, all = find()
if id and control_is_due() then id = control() or id end
write()
if id then return { 'item', id } end
return { all and 'none' or 'more' }
