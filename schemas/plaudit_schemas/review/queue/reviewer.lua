-- How far a reviewer is.
--
-- KEYS      then the reviewer's touched, record
-- returns   {'ok', answered, declined, items answered last, the record as one flat list}, or 'overdue'
local found = overdue()
if found then return { 'overdue', found } end
local touched = KEYS[SHARED + 1]
return {
  'ok', redis.call('ZCOUNT', touched, '(0', '+inf'), redis.call('ZCOUNT', touched, '-inf', '(0'),
  redis.call('ZREVRANGEBYSCORE', touched, '+inf', '(0', 'LIMIT', 0, 20), redis.call('HGETALL', KEYS[SHARED + 2]),
}
