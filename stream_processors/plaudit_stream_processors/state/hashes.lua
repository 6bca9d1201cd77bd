-- Reading hashes of conversations, so that no answer is much longer than MOST bytes and Redis serves others soon.
local LARGE, MOST = 1048576, 4194304
local answered = 0

-- The bytes of a conversation's hash, or about so many; nil where only reading it in parts would tell.
local function bytes_of(key)
  local progress = redis.call('HGET', key, 'progress')
  local used = progress and string.match(progress, '"bytes":(%d+)')
  if used then return tonumber(used) end
  -- Written by rules before version 5, or not there.
  if redis.call('HLEN', key) > 1000 then return nil end
  local size = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do size = size + redis.call('HSTRLEN', key, field) end
  return size
end

-- The fields and values of a hash as one flat list, empty where there is none. 'large' where part.lua must read
-- it; 'later' where this answer is full.
local function fields_of(key)
  if answered >= MOST then return 'later' end
  local size = bytes_of(key)
  if not size or size > LARGE then return 'large' end
  answered = answered + size
  return redis.call('HGETALL', key)
end
