-- What the scripts of a queue share; it stands before each of them.
--
-- KEYS[1]   summary: hash; ready, expected, overlap, lease_ms, seq, items, done, verdicts, surplus, leased,
--           declined, items:REASON, done:REASON
-- KEYS[2]   positions: hash; partition -> next offset, until:PARTITION -> offset before which nobody claims
-- KEYS[3]   fresh: sorted set; items with a free slot and no verdict, by their order
-- KEYS[4]   started: sorted set; items with a free slot and a verdict, those with most verdicts first, and of
--           these the one that came to so many first
-- KEYS[5]   leases: sorted set; item NUL reviewer, by the end in ms
-- KEYS[6]   unconfirmed: sorted set; item NUL reviewer, by when the log's word counts again, in ms
-- KEYS[7]   members: sorted set; SHA-1 of the conversation's id and item, all with score 0
-- KEYS[8]   controls: sorted set; items whose answers are known
-- KEYS[9]   ahead: sorted set; reviewer by how far in `fresh` everything is touched
-- KEYS[10]  people: set; every reviewer that has keys here
-- KEYS[11]  erased: sorted set; conversation by the time of its erasure in ms
-- ARGV[1]   the time in ms, for tests; empty is Redis' clock
--
-- An item is a hash: kind, conversation, message, reasons (one line each), order, control, counted (what it adds
-- to the summary, JSON), place (the set that it is in: 'fresh', a number of verdicts, or none), machine, and for
-- a reviewer r: about:r (JSON, see below), own:r (question -> answer, not yet confirmed by the log),
-- log:r (question -> {o: offset, a: answer or none}), reason:r (of a decline), settled:r (as log:r).
-- Answers are JSON in strings: no number in them passes through Lua.
-- about:r   lease (end in ms), extra (the lease keeps no slot: the answer before it was surplus), word ('answered' or 'undone': what the reviewer did last and the log does not
--           say yet), due (ms: when the log counts again), submission, taken_back (submissions), stale (the log
--           still has to withdraw an answer), class ('verdict' or 'surplus': the answer counts), rank, at (ms),
--           declined (ms), seen (offset of the newest record), offered and answered (counted as a random item's)
--
-- Scripts read first, then add, then remove: while a slot of a cluster moves, a command fails whose key is gone.
local SUMMARY, POSITIONS, FRESH, STARTED, LEASES, UNCONFIRMED, MEMBERS, CONTROLS, AHEAD, PEOPLE, ERASED =
  unpack(KEYS, 1, 11)
local SHARED = 11
local UNCONFIRMED_MS, KNOWN_MS = 60000, 86400000 -- how long a word stands that the log does not say
local LEVEL = 35184372088832 -- 2^45: sequence numbers of one number of verdicts
local MOST = 20 -- verdicts that an item may need

local function redis_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = ARGV[1] ~= '' and tonumber(ARGV[1]) or redis_ms()
local function whole(number) return string.format('%.0f', number) end

local adds, removes = {}, {}
local function add(...) adds[#adds + 1] = { ... } end
local function remove(...) removes[#removes + 1] = { ... } end

local summary = {}
for i, value in ipairs(redis.call('HMGET', SUMMARY, 'ready', 'overlap', 'lease_ms', 'seq')) do
  summary[({ 'ready', 'overlap', 'lease_ms', 'seq' })[i]] = value
end
local ready = summary.ready == '1'
local overlap = tonumber(summary.overlap or 1)
local lease_default = tonumber(summary.lease_ms or 1800000)
local first_seq = tonumber(summary.seq or 0)
local seq = first_seq
local function next_seq() seq = seq + 1; return seq end

local function join(item, reviewer) return item .. '\0' .. reviewer end
local function indexed(conversation, item) return redis.sha1hex(conversation) .. item end

-- Leases and words whose time is over. They are settled by settle.lua, which must be given their keys.
local function overdue()
  local found = redis.call('ZRANGEBYSCORE', LEASES, '-inf', whole(now), 'LIMIT', 0, 50)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', UNCONFIRMED, '-inf', whole(now), 'LIMIT', 0, 50)) do
    found[#found + 1] = member
  end
  return #found > 0 and found or nil
end

-- Why nothing can be claimed or answered now; nil if it can.
local function hindrance()
  if not ready then return { 'unready' } end
  local found = overdue()
  return found and { 'overdue', found }
end

local tallied = {}
local function tally(name, amount) tallied[name] = (tallied[name] or 0) + amount end

-- Whether every partition has reached the offset that was expected of it.
local function all_reached(positions)
  for name, offset in pairs(positions) do
    local partition = string.match(name, '^until:(.*)$')
    if partition and tonumber(positions[partition] or 0) < tonumber(offset) then return false end
  end
  return true
end

local function hash_of(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

-- Reviewers: the sorted set of what they touched (answered: by time, declined: negative), and a hash with how far
-- they have looked in `started` (at:LEVEL), number of claims, random_offered, random_answered, held:ITEM.
local persons = {}
local function know(reviewer, touched, record) persons[reviewer] = { touched = touched, record = record } end

local items = {}
local function load(id, key)
  if items[id] then return items[id] end
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then return nil end
  local item = { id = id, key = key, fields = {}, about = {}, before = {}, changed = {}, gone = {}, bump = false }
  for i = 1, #flat, 2 do
    item.fields[flat[i]] = flat[i + 1]
    local reviewer = string.match(flat[i], '^about:(.*)$')
    if reviewer then
      item.about[reviewer] = cjson.decode(flat[i + 1])
      item.before[reviewer] = cjson.decode(flat[i + 1])
    end
  end
  items[id] = item
  return item
end

local function set(item, field, value)
  item.fields[field] = value
  item.changed[field] = true
end

local function about(item, reviewer)
  if not item.about[reviewer] then item.about[reviewer] = {} end
  item.changed['about:' .. reviewer] = true
  return item.about[reviewer]
end

local function was_taken_back(one, submission)
  for _, earlier in ipairs(one.taken_back or {}) do
    if earlier == submission then return true end
  end
  return false
end

local function decoded(text) return text and cjson.decode(text) or {} end

-- The answers in the log that are not withdrawn; nil if there are none.
local function logged(item, reviewer)
  local found = nil
  for question, said in pairs(decoded(item.fields['log:' .. reviewer])) do
    if said.a then
      found = found or {}
      found[question] = said.a
    end
  end
  return found
end

local function same(one, other)
  if not one or not other then return one == other end
  for question, answer in pairs(one) do
    if other[question] ~= answer then return false end
  end
  for question in pairs(other) do
    if one[question] == nil then return false end
  end
  return true
end

local function count(item)
  local verdicts, surplus, leased, declined = 0, {}, 0, 0
  for reviewer, one in pairs(item.about) do
    if one.class == 'verdict' then verdicts = verdicts + 1 end
    if one.class == 'surplus' then surplus[#surplus + 1] = reviewer end
    if one.lease and not one.class and not one.extra then leased = leased + 1 end
    if one.declined then declined = declined + 1 end
  end
  return verdicts, surplus, leased, declined
end

local function free_slots(item)
  local verdicts, _, leased = count(item)
  return overlap - verdicts - leased, verdicts
end

local function class_for(item, slot_is_kept)
  local free, verdicts = free_slots(item)
  if item.fields.control == '1' then return 'verdict' end
  return verdicts < overlap and (slot_is_kept or free > 0) and 'verdict' or 'surplus'
end

-- The reviewer has an answer that counts from now on.
local function count_answer(item, reviewer, at, class)
  local one = about(item, reviewer)
  if not one.class then
    one.class, one.rank = class, next_seq()
  end
  one.at, one.lease, one.declined = at, nil, nil
  set(item, 'reason:' .. reviewer, nil)
end

local function uncount_answer(item, reviewer)
  local one = about(item, reviewer)
  one.class, one.rank, one.at = nil, nil, nil
  item.bump = true
end

-- The log's word holds from now on, whatever the reviewer did here.
local function follow_log(item, reviewer)
  local one = about(item, reviewer)
  one.word, one.due, one.stale = nil, nil, nil
  set(item, 'own:' .. reviewer, nil)
  if logged(item, reviewer) then
    local at = 0
    for _, said in pairs(decoded(item.fields['log:' .. reviewer])) do
      if said.a then at = math.max(at, tonumber(said.t)) end
    end
    count_answer(item, reviewer, math.max(at, 1), class_for(item, true))
  elseif one.class then
    uncount_answer(item, reviewer)
  end
end

-- Who had no slot gets none that others work on.
local function keep_again(one, had, lease)
  one.lease, one.extra = now + lease, had == 'surplus' or nil
end

-- A slot that was answered here and that the log does not know: it is kept for the same reviewer.
local function give_back(item, reviewer)
  local one = about(item, reviewer)
  local had = one.class
  follow_log(item, reviewer)
  if not one.class then keep_again(one, had, lease_default) end
end

local function decline_item(item, reviewer, reason)
  local one = about(item, reviewer)
  if one.class then return end -- an answer is worth more
  one.declined, one.lease = one.declined or now, nil
  set(item, 'reason:' .. reviewer, reason)
  item.bump = true
end

local function lines(text)
  local found = {}
  for line in string.gmatch(text or '', '[^\n]+') do found[#found + 1] = line end
  return found
end

local function has_reason(item, reason)
  return string.find('\n' .. item.fields.reasons .. '\n', '\n' .. reason .. '\n', 1, true) ~= nil
end

local lowest_fresh = nil

local function fresh_score(item)
  -- Equal orders are told apart by the id, so that few items share a score. 2^52 at most.
  return tonumber(item.fields.order) * 1024 + tonumber(string.sub(redis.sha1hex(item.id), 1, 2), 16) * 4
end

local function put_in_place(item, place)
  local old = item.fields.place or 'none'
  if old == place and not (item.bump and place ~= 'none') then return end
  if place == 'fresh' then
    local score = fresh_score(item)
    add('ZADD', FRESH, whole(score), item.id)
    if not lowest_fresh or score < lowest_fresh then lowest_fresh = score end
  elseif place ~= 'none' then
    add('ZADD', STARTED, whole((MOST - tonumber(place)) * LEVEL + next_seq()), item.id)
  end
  if old == 'fresh' and place ~= 'fresh' then remove('ZREM', FRESH, item.id) end
  if old ~= 'fresh' and old ~= 'none' and (place == 'fresh' or place == 'none') then
    remove('ZREM', STARTED, item.id)
  end
  if old ~= place then set(item, 'place', place) end
end

-- What the item adds to the summary: name -> amount.
local function contribution(item, verdicts, surplus, leased, declined)
  if item.fields.control == '1' then return {} end
  local done = verdicts >= overlap and 1 or 0
  local amounts = {
    items = 1, done = done, verdicts = verdicts, surplus = surplus, leased = leased,
    declined = declined > 0 and 1 or 0,
  }
  for _, reason in ipairs(lines(item.fields.reasons)) do
    amounts['items:' .. reason], amounts['done:' .. reason] = 1, done
  end
  return amounts
end

local function count_in(item, new)
  local old = decoded(item.fields.counted)
  local differs = false
  for name, amount in pairs(new) do
    if amount ~= (old[name] or 0) then
      tally(name, amount - (old[name] or 0))
      differs = true
    end
  end
  for name, amount in pairs(old) do
    if new[name] == nil then tally(name, -amount) end
  end
  if differs then set(item, 'counted', cjson.encode(new)) end
end

local function finish_person(item, reviewer)
  local new, old = item.about[reviewer] or {}, item.before[reviewer] or {}
  local member = join(item.id, reviewer)
  if not new.lease then new.extra = nil end
  if new.lease ~= old.lease then
    if new.lease then add('ZADD', LEASES, whole(new.lease), member) else remove('ZREM', LEASES, member) end
  end
  if new.due ~= old.due then
    if new.due then add('ZADD', UNCONFIRMED, whole(new.due), member) else remove('ZREM', UNCONFIRMED, member) end
  end
  local keys = persons[reviewer]
  if not keys then return end -- only its class has changed
  if (new.lease == nil) ~= (old.lease == nil) then
    if new.lease then
      add('HSET', keys.record, 'held:' .. item.id, whole(now))
    else
      remove('HDEL', keys.record, 'held:' .. item.id)
    end
  end
  local function touched(state) return state.class and state.at or state.declined and -state.declined or nil end
  if touched(new) ~= touched(old) then
    if touched(new) then
      add('ZADD', keys.touched, whole(touched(new)), item.id)
    else
      remove('ZREM', keys.touched, item.id)
    end
  end
  local random = has_reason(item, 'random') and item.fields.control ~= '1'
  if random and (new.lease or new.class or new.declined) then new.offered = 1 end
  new.answered = random and new.class and 1 or nil
  for _, name in ipairs({ 'offered', 'answered' }) do
    local amount = (new[name] or 0) - (old[name] or 0)
    if amount ~= 0 then add('HINCRBY', keys.record, 'random_' .. name, amount) end
  end
end

-- An item after what was done to it: who has a slot, where it stands, and what it adds to the summary.
local function finish(item)
  local verdicts, surplus, leased, declined = count(item)
  local waiting = #surplus
  table.sort(surplus, function(one, other) return item.about[one].rank < item.about[other].rank end)
  for _, reviewer in ipairs(surplus) do -- a slot came free
    if verdicts + leased < overlap then
      about(item, reviewer).class = 'verdict'
      verdicts, waiting = verdicts + 1, waiting - 1
    end
  end
  local place = 'none'
  if item.fields.control ~= '1' and verdicts + leased < overlap then
    place = verdicts == 0 and 'fresh' or whole(verdicts)
  end
  put_in_place(item, place)
  count_in(item, contribution(item, verdicts, waiting, leased, declined))
  for reviewer in pairs(item.about) do
    if item.changed['about:' .. reviewer] then
      finish_person(item, reviewer)
      item.fields['about:' .. reviewer] = cjson.encode(item.about[reviewer])
    end
  end
  local put, dropped = { 'HSET', item.key }, { 'HDEL', item.key }
  for field in pairs(item.changed) do
    local into = item.fields[field] and put or dropped
    into[#into + 1] = field
    if item.fields[field] then into[#into + 1] = item.fields[field] end
  end
  if #put > 2 then adds[#adds + 1] = put end
  if #dropped > 2 then removes[#removes + 1] = dropped end
end

local function write()
  for _, item in pairs(items) do
    if not item.erased then finish(item) end
  end
  if lowest_fresh then -- whoever has looked further looks again from there
    for _, reviewer in ipairs(redis.call('ZRANGEBYSCORE', AHEAD, '(' .. whole(lowest_fresh), '+inf')) do
      add('ZADD', AHEAD, whole(lowest_fresh), reviewer)
    end
  end
  for name, amount in pairs(tallied) do
    if amount ~= 0 then add('HINCRBY', SUMMARY, name, amount) end
  end
  if seq ~= first_seq then add('HSET', SUMMARY, 'seq', whole(seq)) end
  for _, command in ipairs(adds) do redis.call(unpack(command)) end
  for _, command in ipairs(removes) do redis.call(unpack(command)) end
end
