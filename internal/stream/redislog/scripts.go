package redislog

// All scripts take the pointer and the stream of one run, which share a hash tag, and the run's id first. A pointer holds
// the time at which its run began, in milliseconds, and the run's id.

// sealed is the id of an entry after which a stream takes no other.
const sealed = "18446744073709551615-18446744073709551615"

// Answers of the scripts besides "ok".
const (
	answerGone     = "gone"     // Redis has lost the stream
	answerFenced   = "fenced"   // another process has taken the run over, or ended it
	answerReplaced = "replaced" // the conversation has a newer run
)

// linger is how long an ended log stays for those who are reading it, in milliseconds.
const linger = "10000"

// upload adds a whole log, which stands for all that comes before it.
// ARGV: run, created, fresh, id, base, data, ttl, writer, prefix of the conversation's streams.
const upload = `
local current = redis.call('GET', KEYS[1])
if current then
	local at, run = current:match('^(%d+) (.*)$')
	if run ~= ARGV[1] then
		if ARGV[3] == '0' and tonumber(at) > tonumber(ARGV[2]) then return 'replaced' end
		local old = ARGV[9] .. run
		if redis.call('EXISTS', old) == 1 then
			redis.pcall('XADD', old, '` + sealed + `', 'e', 'lost')
			redis.call('PEXPIRE', old, ` + linger + `)
		end
	end
end
local added = redis.pcall('XADD', KEYS[2], ARGV[4], 'b', ARGV[5], 'd', ARGV[6], 'w', ARGV[8])
if type(added) == 'table' and added.err then
	if added.err:find('equal or smaller', 1, true) or added.err:find('exhausted', 1, true) then return 'fenced' end
	return added
end
redis.call('PEXPIRE', KEYS[2], ARGV[7])
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[1], 'PX', ARGV[7])
return 'ok'`

// isCurrent defines whether the pointer is that of the run.
const isCurrent = `
local pointer = redis.call('GET', KEYS[1])
local current = pointer and pointer:match('^%d+ (.*)$') == ARGV[1]
`

// finish ends a log. ARGV: run, id, complete or lost, ttl in milliseconds (0: as it is).
const finish = isCurrent + `
local added = redis.pcall('XADD', KEYS[2], 'NOMKSTREAM', ARGV[2], 'e', ARGV[3])
if not added then return 'gone' end
if type(added) == 'table' and added.err then
	if added.err:find('equal or smaller', 1, true) or added.err:find('exhausted', 1, true) then return 'fenced' end
	return added
end
if ARGV[4] ~= '0' then
	redis.call('PEXPIRE', KEYS[2], ARGV[4])
	if current then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
end
return 'ok'`

// touch keeps a log that runs. ARGV: run, ttl.
const touch = isCurrent + `
if redis.call('PEXPIRE', KEYS[2], ARGV[2]) == 0 then return 'gone' end
if current then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 'ok'`

// forget removes a run's log but for its followers' sake. ARGV: run, whether the pointer is to stay ('1').
const forget = isCurrent + `
if current and ARGV[2] ~= '1' then redis.call('DEL', KEYS[1]) end
if redis.call('EXISTS', KEYS[2]) == 1 then
	redis.pcall('XADD', KEYS[2], '` + sealed + `', 'e', 'lost')
	redis.call('PEXPIRE', KEYS[2], ` + linger + `)
end
return 'ok'`

// adopt makes another process the writer, and reopens a log that ended as lost. It returns the epoch and the position of the
// log, nothing if it cannot be adopted. The epoch is new unless the log is complete. ARGV: run, ttl, writer.
const adopt = isCurrent + `
if not current then return {} end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if not last or last[1] == '` + sealed + `' then return {} end
local epoch, pos = last[1]:match('^(%d+)-(%d+)$')
if last[2][1] == 'e' then
	pos = string.format('%.0f', tonumber(pos) - 1)
	if last[2][2] ~= 'lost' then return {epoch, pos} end
	redis.call('XDEL', KEYS[2], last[1])
end
epoch = string.format('%.0f', (math.floor(tonumber(epoch) / 4294967296) + 1) * 4294967296)
redis.call('XADD', KEYS[2], epoch .. '-' .. pos, 'w', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {epoch, pos}`

// firstEpoch leaves room for compactions and uploads between two writers; farEpoch is above what any of them reached.
const (
	firstEpoch = 1 << 32
	farEpoch   = firstEpoch << 8
)
