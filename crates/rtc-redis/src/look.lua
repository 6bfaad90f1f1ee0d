-- KEYS[1] a claim; ARGV[1] who wants it, ARGV[2] for how many milliseconds; without arguments: only a look.
-- Gives nothing if the claim is the caller's (or, in a look, nobody's); else its age in microseconds (-1: not
-- known) and the milliseconds that are left (-1: it has no end).
local held = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if held then
  local owner, at = string.match(held, '^(%x+) (%d+)$')
  -- Asked a second time because the answer was lost.
  if owner and owner == ARGV[1] then return {} end
  return { at and math.max(now - at, 0) or -1, redis.call('PTTL', KEYS[1]) }
end
if ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. string.format('%.0f', now), 'PX', ARGV[2])
end
return {}
