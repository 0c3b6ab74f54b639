// Package redislog shares run logs between replicas, so that any of them can serve a resume and any can settle the run of
// one that died.
//
// Runs write to a stream.Memory, and local followers read from it; nothing here can make them fail or wait. A mirror copies
// what is new in all logs to Redis, one pipeline every few hundredths of a second. A hub reads the logs that followers of
// this process want and other processes write, all with one blocking XREAD, each into one memory log that its followers
// share.
//
// In Redis a run has a stream, and its conversation a pointer to the newest run. The ids of the entries are a writer's
// epoch and a position: the bytes that were appended up to the entry's end. So whoever took a log over, with a
// higher epoch, fences off the writer before it, and readers know where they are in a log that was uploaded again. Entries
// are frames (d), a whole log in compact form with the position up to which it is (b, d), the end (e), and a new writer (w).
//
// The XREAD spans keys of many conversations, so the store wants one Redis server (or one primary), not a Redis Cluster.
package redislog
