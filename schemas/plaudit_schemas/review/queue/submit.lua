-- Mark a reviewer's slot as answered, before the answers are in the log.
--
-- KEYS      then item, the reviewer's touched, record
-- ARGV[2]   item
-- ARGV[3]   reviewer
-- ARGV[4]   submission
-- ARGV[5]   question -> answer, each JSON, as JSON
-- returns   {'answered'}, {'surplus'}, {'repeated'}, {'gone'}, or 'unready', 'overdue'
local blocked = hindrance()
if blocked then return blocked end
local reviewer, submission = ARGV[3], ARGV[4]
local item = load(ARGV[2], KEYS[SHARED + 1])
if not item then return { 'gone' } end
know(reviewer, KEYS[SHARED + 2], KEYS[SHARED + 3])
local one = about(item, reviewer)
if was_taken_back(one, submission) then return { 'repeated' } end
local repeated = one.class and one.submission == submission
if not repeated then
  one.submission, one.word, one.due = submission, 'answered', 0
  set(item, 'own:' .. reviewer, ARGV[5])
  count_answer(item, reviewer, now, class_for(item, one.lease and not one.extra))
end
if one.word == 'answered' then one.due = math.max(one.due, now + UNCONFIRMED_MS) end
add('SADD', PEOPLE, reviewer)
write()
return { repeated and 'repeated' or one.class == 'verdict' and 'answered' or 'surplus' }
