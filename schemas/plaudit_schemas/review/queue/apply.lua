-- Apply what one batch of one partition does to the queue, or a part of it: all of it, or nothing.
--
-- KEYS      then for each id of the changes: item, context; then for each reviewer: touched, record
-- ARGV[2]   partition; empty where the changes are of no batch
-- ARGV[3]   offset at which the batch starts
-- ARGV[4]   offset after the batch
-- ARGV[5]   1 for the last part of the batch, which moves the position
-- ARGV[6]   overlap; empty leaves it
-- ARGV[7]   the changes, JSON: ids; reviewers; items {id, kind, conversation, message, reasons, order, control,
--           context: place in ARGV}; verdicts and adjudications {id, reviewer, answers: question -> JSON or false,
--           offset, at, machine: JSON or absent}; declines {id, reviewer, reason, offset}; erased (conversations)
-- ARGV[8..] contexts
-- returns   {'ok'}, {'old'} (applied before), {'gap'} (it starts after the position), or {'again'} (an erased
--           conversation has items that are not among the ids)
local partition, first, following = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if partition ~= '' then
  local position = tonumber(redis.call('HGET', POSITIONS, partition) or 0)
  if first > position then
    redis.call('HDEL', SUMMARY, 'ready', 'expected') -- Redis has lost what must be applied again first
    return { 'gap' }
  end
  if following <= position then return { 'old' } end
end
if ARGV[6] ~= '' then
  overlap = tonumber(ARGV[6])
  if ARGV[6] ~= summary.overlap then add('HSET', SUMMARY, 'overlap', ARGV[6]) end
end

local changes = cjson.decode(ARGV[7])
local key_of, context_of = {}, {}
for i, id in ipairs(changes.ids) do
  key_of[id], context_of[id] = KEYS[SHARED + 2 * i - 1], KEYS[SHARED + 2 * i]
end
for i, reviewer in ipairs(changes.reviewers) do
  local at = SHARED + 2 * #changes.ids + 2 * i
  know(reviewer, KEYS[at - 1], KEYS[at])
  add('SADD', PEOPLE, reviewer)
end
for _, conversation in ipairs(changes.erased) do
  local low, high = '[' .. indexed(conversation, ''), '(' .. indexed(conversation, '~')
  for _, member in ipairs(redis.call('ZRANGEBYLEX', MEMBERS, low, high)) do
    if not key_of[string.sub(member, 41)] then return { 'again' } end
  end
end

local function make(new)
  local item = { id = new.id, key = key_of[new.id], fields = {}, about = {}, before = {}, changed = {} }
  items[new.id] = item
  for _, name in ipairs({ 'kind', 'conversation', 'message', 'reasons', 'order' }) do set(item, name, new[name]) end
  add('SET', context_of[new.id], ARGV[new.context])
  add('ZADD', MEMBERS, 0, indexed(new.conversation, new.id))
end

for _, new in ipairs(changes.items) do
  local item = load(new.id, key_of[new.id])
  if item then
    for _, reason in ipairs(lines(new.reasons)) do
      if not has_reason(item, reason) then set(item, 'reasons', item.fields.reasons .. '\n' .. reason) end
    end
    if tonumber(new.order) < tonumber(item.fields.order) then
      set(item, 'order', new.order)
      item.bump = true
    end
    add('SET', context_of[new.id], ARGV[new.context])
  elseif not redis.call('ZSCORE', ERASED, new.conversation) then
    make(new)
    item = items[new.id]
  end
  if item and new.control and item.fields.control ~= '1' then
    set(item, 'control', '1')
    add('ZADD', CONTROLS, tonumber(string.sub(redis.sha1hex(new.id), 1, 8), 16), new.id)
  end
end

-- Joins the answers to some questions with those that are known. Older ones change nothing.
local function join_answers(item, field, said)
  local known = decoded(item.fields[field])
  for question, answer in pairs(said.answers) do
    if not known[question] or tonumber(known[question].o) < tonumber(said.offset) then
      known[question] = { o = said.offset, t = said.at, a = answer or nil }
    end
  end
  set(item, field, cjson.encode(known))
end

local function see(item, said)
  local one = about(item, said.reviewer)
  one.seen = whole(math.max(tonumber(one.seen or -1), tonumber(said.offset)))
end

for _, verdict in ipairs(changes.verdicts) do
  local item, reviewer = load(verdict.id, key_of[verdict.id]), verdict.reviewer
  if item then
    join_answers(item, 'log:' .. reviewer, verdict)
    see(item, verdict)
    local one, said = about(item, reviewer), logged(item, reviewer)
    if one.word == 'answered' then
      if not said then
        one.stale = nil
      elseif not one.stale and same(said, decoded(item.fields['own:' .. reviewer])) then
        follow_log(item, reviewer)
      end
    elseif one.word ~= 'undone' or not said then
      follow_log(item, reviewer)
    end
    if verdict.machine and tonumber(item.fields.machine_at or -1) < tonumber(verdict.offset) then
      set(item, 'machine', verdict.machine)
      set(item, 'machine_at', verdict.offset)
    end
  end
end

for _, settled in ipairs(changes.adjudications) do
  local item = load(settled.id, key_of[settled.id])
  if item then join_answers(item, 'settled:' .. settled.reviewer, settled) end
end

for _, decline in ipairs(changes.declines) do
  local item = load(decline.id, key_of[decline.id])
  local one = item and about(item, decline.reviewer)
  if one and tonumber(decline.offset) > tonumber(one.seen or -1) then
    see(item, decline)
    decline_item(item, decline.reviewer, decline.reason)
  end
end

local function erase(item)
  item.erased = true
  count_in(item, {})
  put_in_place(item, 'none')
  for reviewer in pairs(item.before) do
    remove('ZREM', LEASES, join(item.id, reviewer))
    remove('ZREM', UNCONFIRMED, join(item.id, reviewer))
  end
  remove('ZREM', MEMBERS, indexed(item.fields.conversation, item.id))
  remove('ZREM', CONTROLS, item.id)
  remove('UNLINK', item.key)
  remove('UNLINK', context_of[item.id])
end

for _, conversation in ipairs(changes.erased) do
  add('ZADD', ERASED, whole(now), conversation)
  for id, key in pairs(key_of) do
    local item = load(id, key)
    if item and not item.erased and item.fields.conversation == conversation then erase(item) end
  end
end
if #changes.erased > 0 then remove('ZREMRANGEBYSCORE', ERASED, '-inf', whole(now - KNOWN_MS)) end

if partition ~= '' and ARGV[5] == '1' then
  add('HSET', POSITIONS, partition, ARGV[4])
  if not ready and redis.call('HGET', SUMMARY, 'expected') then
    local positions = hash_of(POSITIONS)
    positions[partition] = ARGV[4]
    if all_reached(positions) then add('HSET', SUMMARY, 'ready', 1) end
  end
end
write()
return { 'ok' }
