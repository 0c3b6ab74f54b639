//go:build !linux

package localstack

// locale is one that every macOS and BSD has; C.UTF-8 came late there.
const locale = "en_US.UTF-8"
