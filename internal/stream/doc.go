// Package stream makes the one stream that clients read, and keeps it for who comes later.
//
// An Assembler turns what a model and its tools do into chunks of the UI message stream (docs/stream.md) and, in the
// same step, into the message to store. The chunks go to a Log, from which any number of Followers read from the first
// frame on, each at its own pace. A Server sends one follower's frames to one HTTP client. A run therefore knows nothing
// of its readers, and a reader that goes away changes nothing.
package stream
