// Package auth turns a Kratos session into a User, and is the only place that can. Everything a request may touch
// follows from a User, so the type has no constructor outside Verifier: whoever holds one has been through Kratos (or
// through a cache entry that came from there no longer than the TTL ago).
//
// Besides, it holds what stands between a browser and Kratos: the same-origin proxy with its allow-list and login
// limits, the cross-site check of requests that carry a cookie, and the hooks by which Kratos tells us of proofs of
// address. Facts about Kratos v1.3.1 that the code relies on are measured by the tests of this package.
package auth
