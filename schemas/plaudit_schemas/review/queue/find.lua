-- Read an item and its context.
--
-- KEYS[1]  item: hash
-- KEYS[2]  context: string
-- returns  its fields and values as one flat list, empty if there is none, and the context
return { redis.call('HGETALL', KEYS[1]), redis.call('GET', KEYS[2]) }
