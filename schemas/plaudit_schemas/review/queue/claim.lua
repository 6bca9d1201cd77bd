-- Keep an item for a reviewer, or keep it longer.
--
-- KEYS      then item, context, the reviewer's touched, record
-- ARGV[2]   item
-- ARGV[3]   reviewer
-- ARGV[4]   lease, ms
-- ARGV[5]   next, named (a declined one too) or renew (only what is kept already)
-- returns   {'ok', kind, conversation, message, reasons, context, lease's end in ms, now in ms}, or why not: 'gone',
--           'lost', 'answered', 'declined', 'full', 'unready', 'overdue'
local blocked = hindrance()
if blocked then return blocked end
local id, reviewer, lease, how = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local CONTEXT, TOUCHED, RECORD = KEYS[SHARED + 2], KEYS[SHARED + 3], KEYS[SHARED + 4]
local item = load(id, KEYS[SHARED + 1])

local function refusal()
  if not item then return 'gone' end
  local one = item.about[reviewer] or {}
  if one.lease then return nil end
  if how == 'renew' then return 'lost' end
  if one.class then return 'answered' end
  if one.declined and how ~= 'named' then return 'declined' end
  if item.fields.control ~= '1' and free_slots(item) <= 0 then return 'full' end
  add('HINCRBY', RECORD, 'claims', 1)
  add('SADD', PEOPLE, reviewer)
  return nil
end

local why = refusal()
if why then
  redis.call('HDEL', RECORD, 'held:' .. id)
  if not item then -- else it would be found for ever
    for _, key in ipairs({ FRESH, STARTED, CONTROLS }) do redis.call('ZREM', key, id) end
  end
  return { why }
end
know(reviewer, TOUCHED, RECORD)
local until_ms = now + lease
about(item, reviewer).lease = until_ms
if ARGV[4] ~= summary.lease_ms then add('HSET', SUMMARY, 'lease_ms', ARGV[4]) end
local context = how ~= 'renew' and redis.call('GET', CONTEXT) or ''
write()
local fields = item.fields
return { 'ok', fields.kind, fields.conversation, fields.message, fields.reasons, context, whole(until_ms), whole(now) }
