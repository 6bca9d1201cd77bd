-- What a reviewer does to an item beside claiming and answering it.
--
-- KEYS      then item, context, the reviewer's touched, record
-- ARGV[2]   item
-- ARGV[3]   reviewer
-- ARGV[4]   what: acknowledge (the log has the word), abandon (it never will), release (the lease), decline, undo
--           (the answer), adjudicate
-- ARGV[5]   submission (acknowledge, abandon; empty is any), reason (decline), lease in ms (undo), or question ->
--           answer, each JSON, as JSON (adjudicate)
-- returns   {'ok'}, {'no'} (there is nothing to do it to), after undo as claim.lua; or 'unready', 'overdue'
local blocked = hindrance()
if blocked then return blocked end
local reviewer, what, with = ARGV[3], ARGV[4], ARGV[5]
local item = load(ARGV[2], KEYS[SHARED + 1])
if not item then return { 'no' } end
know(reviewer, KEYS[SHARED + 3], KEYS[SHARED + 4])
local one = about(item, reviewer)
local its = with == '' or one.submission == with

local function acknowledge()
  if was_taken_back(one, with) then return true end -- it is known, and says nothing of the undo
  if not its or not (one.word or one.class) then return false end
  if one.word == (with == '' and 'undone' or 'answered') then one.due = now + KNOWN_MS end
  return true
end

local function abandon()
  if not its or one.word ~= 'answered' then return false end
  give_back(item, reviewer)
  return true
end

local function release()
  if not one.lease then return false end
  one.lease, item.bump = nil, true
  return true
end

local function decline()
  add('SADD', PEOPLE, reviewer)
  decline_item(item, reviewer, with)
  return true
end

local function undo()
  if not one.class then return false end
  one.taken_back = one.taken_back or {}
  one.taken_back[#one.taken_back + 1] = one.submission
  one.word, one.due, one.stale = 'undone', now + UNCONFIRMED_MS, true
  set(item, 'own:' .. reviewer, nil)
  local had = one.class
  uncount_answer(item, reviewer)
  keep_again(one, had, tonumber(with))
  return true
end

local function adjudicate()
  local known = decoded(item.fields['settled:' .. reviewer])
  for question, answer in pairs(cjson.decode(with)) do known[question] = { o = '-1', t = now, a = answer } end
  set(item, 'settled:' .. reviewer, cjson.encode(known))
  return true
end

local actions = {
  acknowledge = acknowledge, abandon = abandon, release = release, decline = decline, undo = undo,
  adjudicate = adjudicate,
}
if not actions[what]() then return { 'no' } end
local context = what == 'undo' and redis.call('GET', KEYS[SHARED + 2]) or ''
write()
local fields = item.fields
return {
  'ok', fields.kind, fields.conversation, fields.message, fields.reasons, context, whole(one.lease or 0), whole(now),
}
