// Package faulttest breaks things for tests: a TCP proxy whose link can be cut, frozen, slowed and redirected while it is used;
// Postgres, Redis and Kratos of a test's own, as processes that can be killed, restarted, frozen and demoted; the server's real
// binary in the same hands; and a provider of models that stalls, cuts, refuses and floods. What a test sees with them is what
// an operator would see.
package faulttest
