-- Settle leases and unconfirmed words whose time is over.
--
-- KEYS      then for each pair: item, the reviewer's touched, record
-- ARGV[2..] item, reviewer, ...
for i = 2, #ARGV, 2 do
  local id, reviewer, at = ARGV[i], ARGV[i + 1], SHARED + 3 * (i / 2 - 1)
  local member = join(id, reviewer)
  local item = load(id, KEYS[at + 1])
  local one = item and item.about[reviewer] or {}
  know(reviewer, KEYS[at + 2], KEYS[at + 3])
  local lease_over, word_over = one.lease and one.lease <= now, one.due and one.due <= now
  if not one.lease and not word_over then -- nobody knows of it: a script makes none such
    remove('ZREM', LEASES, member)
    remove('HDEL', KEYS[at + 3], 'held:' .. id)
  end
  if not one.due then remove('ZREM', UNCONFIRMED, member) end
  if lease_over then
    about(item, reviewer).lease = nil
    item.bump = true
  end
  if word_over then
    if one.word == 'undone' then follow_log(item, reviewer) else give_back(item, reviewer) end
  end
end
write()
