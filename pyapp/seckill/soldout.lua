-- Set the flag of a pool, unless what stands there knows better. One step, so that nothing comes
-- between the look and the write.
--
-- KEYS[1] the flag; ARGV: epoch, `shut` or `open`, milliseconds that it lives.
-- Who comes late brings an older epoch: he cannot shut a pool that was reopened meanwhile. Of one
-- epoch `shut` is the later news: units came (that made the epoch) and were bought.
-- What is not of ours is overwritten. Epochs are counts, exact in Lua below 2^53.
local kept = redis.pcall('get', KEYS[1])
local epoch = type(kept) == 'string' and #kept <= 20 and tonumber(string.match(kept, '^(%d+) %a+$'))
local asked = tonumber(ARGV[1])
if epoch and (epoch > asked or (epoch == asked and ARGV[2] == 'open')) then
  return 0
end
redis.call('set', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'px', ARGV[3])
return 1
