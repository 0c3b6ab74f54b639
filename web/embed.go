// Package web holds the single-page app and carries its build inside the binary, so that the API and the app
// that speaks to it are always of one version and come from one origin.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the root of the built app: index.html, and under assets/ files whose names hold a hash of their
// content. In a checkout where the app was not built it has no index.html.
func Dist() fs.FS {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path: only a change of this file can get here
	}
	return root
}
