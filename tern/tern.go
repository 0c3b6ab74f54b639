// Package tern holds the migrations of both brains: public, applied by command, and tenant, applied lazily to each
// private schema on first access.
package tern

import (
	"embed"
	"io/fs"
)

//go:embed public/*.sql tenant/*.sql
var files embed.FS

// Public returns the migrations of the public brain.
func Public() fs.FS { return sub("public") }

// Tenant returns the migrations of a private brain.
func Tenant() fs.FS { return sub("tenant") }

func sub(dir string) fs.FS {
	s, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // unreachable: the directories are embedded above
	}
	return s
}
