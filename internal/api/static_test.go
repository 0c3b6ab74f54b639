package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"twobrains/internal/api/apitest"
)

func TestWebApp(t *testing.T) {
	t.Parallel()
	script := strings.Repeat("console.log(1);\n", 100)
	s := apitest.Start(t, apitest.Options{Web: fstest.MapFS{
		"index.html":          {Data: []byte("<!doctype html><title>the app</title>")},
		"favicon.svg":         {Data: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")},
		"assets/app-1a2b.js":  {Data: []byte(script)},
		"assets/font-9z.wof2": {Data: []byte("font")},
		".gitignore":          {Data: []byte("secret")},
	}})
	u := s.Anonymous()
	try(t, s, u,
		scenario{name: "root", path: "/", status: 200, has: []string{"the app"}},
		scenario{name: "a route of the app", path: "/c/0198c0de", status: 200, has: []string{"the app"}},
		scenario{name: "sign-in", path: "/auth/login?flow=1", status: 200, has: []string{"the app"}},
		scenario{name: "by name", path: "/index.html", status: 200, has: []string{"the app"}},
		scenario{name: "a file that is not there", path: "/assets/gone.js", status: 404, code: "not_found"},
		scenario{name: "hidden file", path: "/.gitignore", status: 404, code: "not_found"},
		scenario{name: "up and away", path: "/../go.mod", status: 404, code: "not_found"},
		scenario{name: "encoded up and away", path: "/..%2fgo.mod", status: 404, code: "not_found"},
		scenario{name: "API paths are not the app's", path: "/api", status: 404, code: "not_found"},
		scenario{name: "nor Kratos's", path: "/.ory", status: 404, code: "not_found"},
		scenario{name: "post", method: "POST", path: "/c/1", body: "{}", status: 405, code: "method_not_allowed"},
	)

	page := u.Get(t, "/")
	if got := page.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("page: Cache-Control %q", got)
	}
	asset := u.Get(t, "/assets/app-1a2b.js")
	if got := asset.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("asset: Cache-Control %q", got)
	}
	if got := asset.Header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("asset: Content-Type %q", got)
	}
	if got := u.Get(t, "/favicon.svg").Header.Get("Content-Type"); got != "image/svg+xml" {
		t.Errorf("icon: Content-Type %q", got)
	}
	u.Do(t, "GET", "/assets/app-1a2b.js", "", "If-None-Match", `"x", W/`+asset.Header.Get("ETag")).Want(t, 304)

	packed := u.Do(t, "GET", "/assets/app-1a2b.js", "", "Accept-Encoding", "br, gzip;q=0.8")
	if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Vary") != "Accept-Encoding" || packed.Header.Get("ETag") == asset.Header.Get("ETag") {
		t.Fatalf("got headers %v", packed.Header)
	}
	reader, err := gzip.NewReader(bytes.NewReader([]byte(packed.Body)))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != script {
		t.Errorf("unpacked %d bytes, %v", len(text), err)
	}
	if answer := u.Do(t, "GET", "/assets/app-1a2b.js", "", "Accept-Encoding", "gzip;q=0"); answer.Header.Get("Content-Encoding") != "" {
		t.Error("gzip for who refuses it")
	}
	if answer := u.Do(t, "HEAD", "/", ""); answer.Status != 200 || answer.Body != "" || answer.Header.Get("ETag") == "" {
		t.Errorf("HEAD: %d %q", answer.Status, answer.Body)
	}
}

func TestWithoutWebApp(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Web: fstest.MapFS{".gitkeep": {}}})
	scenario{path: "/", status: 200, has: []string{"built without its web app"}}.run(t, s.Anonymous())
}
