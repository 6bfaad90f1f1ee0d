-- GCRA. KEYS[1] a rate: the instant at which all permits are back. ARGV[1] what the permits cost, ARGV[2] what
-- the burst costs; all in microseconds of the server's time. Gives 0 if the permits are taken, else the wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local latest = now + ARGV[2]
local filled = tonumber(redis.call('GET', KEYS[1]) or now) or now
-- Later than `latest` it can only lie if the clock was set back: nobody shall wait for that.
local next = math.min(math.max(filled, now), latest) + ARGV[1]
if next > latest then return next - latest end
if next > now then
  redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', string.format('%.0f', math.ceil((next - now) / 1000)))
end
return 0
