-- Say how far each partition must be applied before anybody may claim; said once until a rebuild.
--
-- ARGV[2..] partition, offset, ...
if redis.call('HGET', SUMMARY, 'expected') then return end
local positions = hash_of(POSITIONS)
for i = 2, #ARGV, 2 do
  positions['until:' .. ARGV[i]] = ARGV[i + 1]
  add('HSET', POSITIONS, 'until:' .. ARGV[i], ARGV[i + 1])
end
add('HSET', SUMMARY, 'expected', 1)
if all_reached(positions) then add('HSET', SUMMARY, 'ready', 1) end
write()
