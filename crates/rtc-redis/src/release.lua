-- KEYS[1] a claim; ARGV[1] its owner. Gives 1 if it was freed.
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^(%x+) %d+$') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
