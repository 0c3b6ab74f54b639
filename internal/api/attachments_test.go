package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

type uploaded struct {
	ID, MediaType, Name, URL string
	Size                     int
}

func upload(t *testing.T, u *apitest.Client, name, mediaType, data string) uploaded {
	t.Helper()
	var a uploaded
	answer := u.Do(t, "POST", "/api/attachments?filename="+name, data, "Content-Type", mediaType).Want(t, 201)
	answer.Decode(t, &a)
	if a.URL != "/api/attachments/"+a.ID || answer.Header.Get("Location") != a.URL || a.Size != len(data) {
		t.Fatalf("got %+v, Location %q", a, answer.Header.Get("Location"))
	}
	return a
}

func pngText(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const pdfText = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"

func TestAttachments(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	for _, tc := range []struct{ name, declared, data, mediaType, contentType, disposition string }{
		{"photo.png", "image/png", pngText(t), "image/png", "image/png", `inline; filename="photo.png"`},
		{"a%20report.pdf", "application/pdf", pdfText, "application/pdf", "application/pdf", `attachment; filename="a report.pdf"`},
		{"..%2F..%2F%C3%BC.md", "", "# Grüße", "text/markdown", "text/markdown; charset=utf-8", `attachment; filename="_.md"; filename*=UTF-8''%C3%BC.md`},
		{"page.js", "text/javascript", "alert(1)", "text/plain", "text/plain; charset=utf-8", `attachment; filename="page.js"`},
	} {
		a := upload(t, u, tc.name, tc.declared, tc.data)
		if a.MediaType != tc.mediaType {
			t.Errorf("%s: got type %q", tc.name, a.MediaType)
		}
		got := u.Get(t, a.URL).Want(t, 200)
		if got.Body != tc.data {
			t.Errorf("%s: got %d bytes, want %d", tc.name, len(got.Body), len(tc.data))
		}
		for header, want := range map[string]string{
			"Content-Type": tc.contentType, "Content-Disposition": tc.disposition, "Content-Length": fmt.Sprint(len(tc.data)),
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
			"Cache-Control": "private, max-age=31536000, immutable", "Etag": `"` + a.ID + `"`, "Accept-Ranges": "bytes",
			"Cross-Origin-Resource-Policy": "same-origin", "Vary": "Cookie, Authorization, X-Session-Token",
		} {
			if value := got.Header.Get(header); value != want {
				t.Errorf("%s: %s is %q, want %q", tc.name, header, value, want)
			}
		}
		head := u.Do(t, "HEAD", a.URL, "").Want(t, 200)
		if head.Header.Get("Content-Length") != fmt.Sprint(len(tc.data)) || head.Body != "" {
			t.Errorf("%s: HEAD says %q and %d bytes", tc.name, head.Header.Get("Content-Length"), len(head.Body))
		}
		if again := u.Do(t, "GET", a.URL, "", "If-None-Match", `"x", W/"`+a.ID+`"`).Want(t, 304); again.Body != "" {
			t.Errorf("%s: 304 with a body", tc.name)
		}
		u.Do(t, "DELETE", a.URL, "").Want(t, 204)
		u.Get(t, a.URL).Refused(t, 404, "not_found")
		u.Do(t, "DELETE", a.URL, "").Refused(t, 404, "not_found")
	}
}

func TestAttachmentRanges(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	var text strings.Builder
	text.WriteString(pdfText)
	for i := range 200_000 {
		fmt.Fprintf(&text, "%d,", i)
	}
	data := text.String() // several pieces
	size := len(data)
	a := upload(t, u, "a.pdf", "application/pdf", data)
	if got := u.Get(t, a.URL).Want(t, 200); got.Body != data {
		t.Fatalf("got %d bytes, want %d", len(got.Body), size)
	}
	for _, tc := range []struct {
		header, condition string
		first, end        int
	}{
		{"bytes=0-0", "", 0, 1},
		{"bytes=10-19", "", 10, 20},
		{"bytes=500000-1200000", "", 500_000, 1_200_001},
		{"bytes=-5", "", size - 5, size},
		{fmt.Sprintf("bytes=%d-", size-1), "", size - 1, size},
		{"bytes=0-99999999", "", 0, size},
		{"bytes=0-9", `"` + a.ID + `"`, 0, 10},
		// Not taken: the whole comes.
		{"bytes=0-9", `"other"`, -1, 0},
		{"bytes=0-1,3-4", "", -1, 0},
		{"bytes=9-3", "", -1, 0},
		{"bytes=99999999-", "", -1, 0},
		{"bytes=-0", "", -1, 0},
		{"bytes=--5", "", -1, 0},
		{"lines=1-2", "", -1, 0},
	} {
		got := u.Do(t, "GET", a.URL, "", "Range", tc.header, "If-Range", tc.condition)
		if tc.first < 0 {
			if got.Status != 200 || got.Body != data || got.Header.Get("Content-Range") != "" {
				t.Errorf("%s: got %d, %d bytes", tc.header, got.Status, len(got.Body))
			}
			continue
		}
		if want := fmt.Sprintf("bytes %d-%d/%d", tc.first, tc.end-1, size); got.Status != 206 || got.Body != data[tc.first:tc.end] || got.Header.Get("Content-Range") != want {
			t.Errorf("%s: got %d, %q, %d bytes", tc.header, got.Status, got.Header.Get("Content-Range"), len(got.Body))
		}
	}
}

func TestAttachmentRefusals(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"ATTACHMENT_MAX_BYTES": "20000", "MAX_BODY_BYTES": "1024", "ATTACHMENT_TOTAL_BYTES": "30000"}})
	const path = "/api/attachments"
	big := strings.Repeat("a", 20_001)
	try(t, s, nil,
		scenario{name: "empty", method: "POST", path: path, status: 422, code: "invalid", fields: []string{"body"}},
		scenario{name: "larger than other bodies may be", method: "POST", path: path, body: big[:20_000], headers: []string{"Content-Type", "text/plain"}, status: 201},
		scenario{name: "too large", method: "POST", path: path, body: big, headers: []string{"Content-Type", "text/plain"}, status: 413, code: "too_large"},
		scenario{name: "of a false type", method: "POST", path: path, body: pdfText, headers: []string{"Content-Type", "image/png"}, status: 415, code: "unsupported_media_type"},
		scenario{name: "html", method: "POST", path: path + "?filename=a.html", body: "<html>", headers: []string{"Content-Type", "text/html"}, status: 415, code: "unsupported_media_type"},
		scenario{name: "svg", method: "POST", path: path, body: "<svg/>", headers: []string{"Content-Type", "image/svg+xml"}, status: 415, code: "unsupported_media_type"},
		scenario{name: "a form", method: "POST", path: path, body: "--x\r\n\r\nhello\r\n--x--", headers: []string{"Content-Type", "multipart/form-data; boundary=x"}, status: 415, code: "unsupported_media_type"},
		scenario{name: "compressed", method: "POST", path: path, body: "hello", headers: []string{"Content-Type", "text/plain", "Content-Encoding", "gzip"}, status: 415, code: "unsupported_media_type"},
		scenario{name: "unknown parameter", method: "POST", path: path + "?name=a", body: "hello", headers: []string{"Content-Type", "text/plain"}, status: 422, code: "invalid", fields: []string{"name"}},
		scenario{name: "name that is no UTF-8", method: "POST", path: path + "?filename=%FF", body: "hello", headers: []string{"Content-Type", "text/plain"}, status: 422, code: "invalid", fields: []string{"filename"}},
		scenario{name: "no id", path: path + "/x", status: 404, code: "not_found"},
		scenario{name: "unknown id", path: path + "/" + uuid.NewString(), status: 404, code: "not_found"},
		scenario{name: "another spelling", path: path + "/" + strings.ToUpper(uuid.NewString()), status: 404, code: "not_found"},
		scenario{name: "delete no id", method: "DELETE", path: path + "/x", status: 404, code: "not_found"},
		scenario{name: "method", method: "PUT", path: path, status: 405, code: "method_not_allowed"},
		scenario{name: "other bodies stay small", method: "POST", path: "/api/conversations", body: `{"title":"` + big + `"}`, status: 413, code: "too_large"},
	)
	u := s.NewUser()
	upload(t, u, "a.txt", "text/plain", big[:20_000])
	u.Do(t, "POST", path, big[:20_000], "Content-Type", "text/plain").Refused(t, 409, "conflict")
	upload(t, u, "b.txt", "text/plain", "small")

	nobody := s.Anonymous()
	nobody.Do(t, "POST", path, big, "Content-Type", "text/plain").Refused(t, 401, "unauthenticated")
	nobody.Get(t, path+"/"+uuid.NewString()).Refused(t, 401, "unauthenticated")
	// With a cookie the request must come from our pages; then it needs to be no JSON, and the session is what counts.
	cookie := &apitest.Client{Base: s.URL, Header: http.Header{"Cookie": {"ory_kratos_session=whatever"}}}
	for origin, want := range map[string]string{"": "cross_site", "https://evil.example": "cross_site", s.URL: "unauthenticated"} {
		status := map[string]int{"cross_site": 403, "unauthenticated": 401}[want]
		cookie.Do(t, "POST", path, "hello", "Content-Type", "text/plain", "Origin", origin).Refused(t, status, want)
	}
	cookie.Do(t, "POST", path, "hello", "Content-Type", "text/plain", "Origin", s.URL, "Sec-Fetch-Site", "same-site").Refused(t, 403, "cross_site")
	cookie.Do(t, "POST", "/api/conversations", "{}", "Content-Type", "text/plain", "Origin", s.URL).Refused(t, 415, "unsupported_media_type")
}

// Another's attachment cannot be told from none, whoever asks and however.
func TestAttachmentsOfOthers(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	alice, bob := s.NewUser(), s.NewUser()
	a := upload(t, alice, "secret.txt", "text/plain", "only for Alice")
	unknown := "/api/attachments/" + uuid.NewString()
	for _, method := range []string{"GET", "HEAD", "DELETE"} {
		theirs, none := bob.Do(t, method, a.URL, ""), bob.Do(t, method, unknown, "")
		for _, answer := range []*apitest.Answer{&theirs, &none} {
			for _, header := range []string{"X-Request-Id", "Date", "Ratelimit"} {
				answer.Body = strings.ReplaceAll(answer.Body, answer.Header.Get("X-Request-Id"), "ID")
				answer.Header.Del(header)
			}
		}
		if theirs.Status != 404 || theirs.Status != none.Status || theirs.Body != none.Body || fmt.Sprint(theirs.Header) != fmt.Sprint(none.Header) {
			t.Errorf("%s: %+v differs from %+v", method, theirs, none)
		}
	}
	bob.Do(t, "GET", a.URL, "", "If-None-Match", `"`+a.ID+`"`).Refused(t, 404, "not_found")
	bob.Do(t, "GET", a.URL, "", "Range", "bytes=0-1").Refused(t, 404, "not_found")
	if got := alice.Get(t, a.URL).Want(t, 200); got.Body != "only for Alice" {
		t.Errorf("got %q", got.Body)
	}
	if strings.Contains(s.Log.String(), "secret.txt") || strings.Contains(s.Log.String(), a.ID) {
		t.Error("the log names a file")
	}
}

// Ten uploads at once, more than there is room for at a time: all arrive whole, and each is its own.
func TestUploadsAtOnce(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"ATTACHMENT_MAX_BYTES": "500000"}})
	u := s.NewUser()
	var wg sync.WaitGroup
	for i := range 10 {
		data := strings.Repeat(string(rune('a'+i)), 400_000)
		wg.Go(func() {
			answer := u.Do(t, "POST", "/api/attachments?filename=a.txt", data, "Content-Type", "text/plain")
			var a uploaded
			if answer.Status != 201 {
				t.Errorf("upload %d: %d %s", i, answer.Status, answer.Body)
				return
			}
			answer.Decode(t, &a)
			if got := u.Get(t, a.URL); got.Body != data {
				t.Errorf("upload %d came back as %d other bytes", i, len(got.Body))
			}
		})
	}
	wg.Wait()
}

// The body of a refused request is never taken for the next request on its connection.
func TestRestOfABodyIsNoRequest(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"ATTACHMENT_MAX_BYTES": "20000", "MAX_BODY_BYTES": "20000"}})
	u := s.NewUser()
	authorization := "Authorization: Bearer " + u.Token + "\r\n"
	const smuggled = "POST /api/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 17\r\n"
	inner := smuggled + authorization + "\r\n" + `{"id":"smuggled"}`
	padding := strings.Repeat("a", 16<<10)
	for name, head := range map[string]string{
		"upload, not signed in":      "POST /api/attachments HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
		"upload, bad query":          "POST /api/attachments?x=1 HTTP/1.1\r\nHost: x\r\n" + authorization + "Content-Length: %d\r\n\r\n",
		"upload, refused type":       "POST /api/attachments HTTP/1.1\r\nHost: x\r\n" + authorization + "Content-Type: multipart/form-data\r\nContent-Length: %d\r\n\r\n",
		"upload, another method":     "PUT /api/attachments HTTP/1.1\r\nHost: x\r\n" + authorization + "Content-Length: %d\r\n\r\n",
		"another route, no JSON":     "POST /api/conversations HTTP/1.1\r\nHost: x\r\n" + authorization + "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
		"no route":                   "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
		"a route that takes no body": "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
	} {
		for _, body := range []string{inner, padding + inner, inner + padding} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprintf(conn, head, len(body))
			_, _ = io.WriteString(conn, body)
			_, _ = io.WriteString(conn, "GET /api/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			answers, _ := io.ReadAll(conn)
			_ = conn.Close()
			if n := bytes.Count(answers, []byte("HTTP/1.1 ")); n < 1 || n > 2 || bytes.Contains(answers, []byte("smuggled")) {
				t.Errorf("%s: got %d answers: %s", name, n, answers)
			}
		}
	}
	u.Get(t, "/api/conversations/smuggled").Refused(t, 404, "not_found")
}

// A body in chunks says its size only as it comes; it is held to the same limits.
func TestChunkedBodies(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"ATTACHMENT_MAX_BYTES": "20000", "MAX_BODY_BYTES": "2000"}})
	u := s.NewUser()
	post := func(path, mediaType, body string) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+path, bufio.NewReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = -1
		request.Header.Set("Authorization", "Bearer "+u.Token)
		request.Header.Set("Content-Type", mediaType)
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for _, tc := range []struct {
		path, mediaType, body string
		status                int
	}{
		{"/api/attachments", "text/plain", strings.Repeat("a", 20_000), 201},
		{"/api/attachments", "text/plain", strings.Repeat("a", 20_001), 413},
		{"/api/conversations", "application/json", `{"id":"chunked"}`, 201},
		{"/api/conversations", "application/json", `{"id":"` + strings.Repeat("a", 2000) + `"}`, 413},
	} {
		resp := post(tc.path, tc.mediaType, tc.body)
		_ = resp.Body.Close()
		if resp.StatusCode != tc.status {
			t.Errorf("%s, %d bytes: got %d, want %d", tc.path, len(tc.body), resp.StatusCode, tc.status)
		}
	}
}

// An upload that breaks off leaves nothing behind, and gives its room back.
func TestUploadBrokenOff(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"ATTACHMENT_MAX_BYTES": "20000"}})
	user := uuid.New()
	u := s.As(user)
	for range 5 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /api/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: text/plain\r\nContent-Length: 20000\r\n\r\n%s",
			u.Token, strings.Repeat("a", 10_000))
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !bytes.Contains(answer, []byte(`"code":"bad_request"`)) {
			t.Errorf("got %s", answer)
		}
	}
	if n := rows(t, s, user, "attachments"); n != 0 {
		t.Errorf("%d files are stored", n)
	}
	upload(t, u, "a.txt", "text/plain", strings.Repeat("a", 20_000))
}
