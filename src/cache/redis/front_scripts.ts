/**
 * What a home does in Redis in one step each. Every write looks first whether its home's term is still the partition's,
 * whether the key holds a string, and whether a later write of the key was there: so whoever was the home and does not
 * know better writes nothing, and what comes late or twice undoes nothing. All that is looked at before the first
 * write, because Redis takes nothing back.
 */

/** How refusals of our own begin. */
export const REFUSED = { term: "SKEINTERM", type: "SKEINTYPE" } as const;

/**
 * This home's term is the partition's from now on. KEYS: term. ARGV: term.
 */
export const CLAIM_SCRIPT = `
local term = redis.call('GET', KEYS[1])
if term and (tonumber(term) or 0) > tonumber(ARGV[1]) then
  return redis.error_reply('${REFUSED.term} ' .. term)
end
if term ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[1]) end
return 1
`;

/**
 * KEYS: values. ARGV: how many bytes one may have. Returns of each its type, its bytes where it is a string that is not
 * too long, and its time in ms, or -1; of one that is too long the type 'long' and its length.
 */
export const READ_SCRIPT = `
local found = {}
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  local value, left = false, -1
  if kind == 'string' then
    local size = redis.call('STRLEN', key)
    if size > tonumber(ARGV[1]) then
      kind, left = 'long', size
    else
      value, left = redis.call('GET', key), redis.call('PTTL', key)
    end
  end
  found[#found + 1] = kind
  found[#found + 1] = value
  found[#found + 1] = left
end
return found
`;

/**
 * One write. KEYS: term, value, version, and perhaps request. ARGV: term; the version's three numbers; 'set' or
 * 'remove'; the value; its time in ms, '' for ever, '0' over already; how long the version is kept in ms; and for a
 * request its answer and how long that is kept. Returns whether it was written, and not an older one, and whether there
 * was a value before. Reading the length makes the server tell of the next change: a write ends that.
 */
export const WRITE_SCRIPT = `
local term = redis.call('GET', KEYS[1])
if term ~= ARGV[1] then return redis.error_reply('${REFUSED.term} ' .. tostring(term)) end
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'none' and kind ~= 'string' then return redis.error_reply('${REFUSED.type} ' .. kind) end
local there = { string.match(redis.call('GET', KEYS[3]) or '', '^(%d+)%.(%d+)%.(%d+)$') }
if #there == 3 then
  local order = 0
  for place = 1, 3 do
    if order == 0 then order = tonumber(ARGV[place + 1]) - tonumber(there[place]) end
  end
  if order <= 0 then return {0, 0} end
end
local existed = kind == 'string' and 1 or 0
if ARGV[5] == 'remove' or ARGV[7] == '0' then
  redis.call('DEL', KEYS[2])
elseif ARGV[7] == '' then
  redis.call('SET', KEYS[2], ARGV[6])
else
  redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[7])
end
redis.call('SET', KEYS[3], ARGV[2] .. '.' .. ARGV[3] .. '.' .. ARGV[4], 'PX', ARGV[8])
if KEYS[4] then redis.call('SET', KEYS[4], string.gsub(ARGV[9], '%?', tostring(existed), 1), 'PX', ARGV[10]) end
redis.call('STRLEN', KEYS[2])
return {1, existed}
`;
