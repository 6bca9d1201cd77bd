-- How far the queue is.
--
-- returns {'ok', the summary as one flat list}, or 'overdue'
local found = overdue()
if found then return { 'overdue', found } end
return { 'ok', redis.call('HGETALL', SUMMARY) }
