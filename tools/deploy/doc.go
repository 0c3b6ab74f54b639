// Package deploy has what a deployment is described with, and the tests of it. It is a module of its own: the server needs none of
// Kubernetes's types.
package deploy
