package api_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"twobrains/internal/api/apitest"
)

type exported struct {
	ID, State string
	ErrorCode *string
	Progress  struct{ Done, Total int64 }
	File      *struct {
		URL                                  string
		Size                                 int64
		ExpiresAt                            time.Time
		Conversations, Messages, Attachments int64
	}
}

type imported struct {
	ID, State string
	Report    *struct {
		Kind                                 *string
		Conversations, Messages, Attachments struct{ Taken, Already int }
		Skipped                              []struct {
			Reason   string
			Count    int
			Examples []string
		}
		Refused *struct{ Code, Where string }
	}
}

// ended polls until a job has come to its end.
func ended[T any](t *testing.T, u *apitest.Client, path string, state func(T) string) (status T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		u.Get(t, path).Want(t, 200).Decode(t, &status)
		if s := state(status); s != "waiting" && s != "running" {
			return status
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still %+v", path, status)
		}
	}
}

func export(t *testing.T, u *apitest.Client) exported {
	t.Helper()
	u.Do(t, "POST", "/api/account/export", "").Want(t, 202)
	status := ended(t, u, "/api/account/export", func(e exported) string { return e.State })
	if status.State != "done" || status.File == nil {
		t.Fatalf("got %+v", status)
	}
	return status
}

func importFile(t *testing.T, u *apitest.Client, file string) imported {
	t.Helper()
	u.Do(t, "POST", "/api/account/import", file, "Content-Type", "application/octet-stream").Want(t, 202)
	status := ended(t, u, "/api/account/import", func(i imported) string { return i.State })
	if status.State != "done" || status.Report == nil {
		t.Fatalf("got %+v", status)
	}
	return status
}

func TestExportAndImport(t *testing.T) {
	t.Parallel()
	eachMode(t, testExportAndImport)
}

func testExportAndImport(t *testing.T, o apitest.Options) {
	s := apitest.Start(t, o)
	u, other := s.NewUser(), s.NewUser()
	u.Get(t, "/api/account/export").Refused(t, 404, "not_found")
	u.Get(t, "/api/account/export/file").Refused(t, 404, "not_found")
	u.Do(t, "DELETE", "/api/account/export", "").Want(t, 204)

	for i := range 3 { // more than one piece of a file
		var text strings.Builder
		for n := range 8000 {
			fmt.Fprintf(&text, "%x\n", sha256.Sum256(fmt.Append(nil, i, n)))
		}
		upload(t, u, fmt.Sprintf("%d.md", i), "", text.String())
	}
	a := upload(t, u, "note.md", "", "# Note")
	u.Do(t, "POST", "/api/ai", fmt.Sprintf(`{"id":"c1","message":{"id":"m1","role":"user","parts":[{"type":"text","text":"Hello there"},{"type":"file","mediaType":"text/markdown","url":%q}]}}`, a.URL)).Want(t, 200)
	status := export(t, u)
	if f := status.File; f.Conversations != 1 || f.Messages < 1 || f.Size < 1<<20 || f.Attachments != 4 || f.URL != "/api/account/export/file" || time.Until(f.ExpiresAt) < 71*time.Hour {
		t.Fatalf("got %+v", f)
	}
	whole := u.Get(t, status.File.URL).Want(t, 200)
	if int64(len(whole.Body)) != status.File.Size || whole.Header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(whole.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("got %d bytes, want %d; %v", len(whole.Body), status.File.Size, whole.Header)
	}
	if _, err := zip.NewReader(strings.NewReader(whole.Body), int64(len(whole.Body))); err != nil {
		t.Fatal(err)
	}
	etag := whole.Header.Get("Etag")
	for _, r := range [][2]int{{0, 1}, {len(whole.Body) / 2, len(whole.Body)}, {len(whole.Body) - 1, len(whole.Body)}} {
		part := u.Do(t, "GET", status.File.URL, "", "Range", fmt.Sprintf("bytes=%d-%d", r[0], r[1]-1), "If-Range", etag).Want(t, 206)
		if part.Body != whole.Body[r[0]:r[1]] {
			t.Errorf("range %v: got %d bytes", r, len(part.Body))
		}
	}
	if got := u.Do(t, "GET", status.File.URL, "", "Range", "bytes=5-", "If-Range", `"another"`).Want(t, 200); got.Body != whole.Body {
		t.Error("a range of another file was given")
	}
	other.Get(t, status.File.URL).Refused(t, 404, "not_found")
	s.Anonymous().Get(t, status.File.URL).Refused(t, 401, "unauthenticated")

	// Into another account; and again.
	got := importFile(t, other, whole.Body).Report
	if *got.Kind != "twobrains" || int64(got.Messages.Taken) != status.File.Messages || got.Conversations.Taken != 1 || got.Attachments.Taken != 1 || got.Refused != nil {
		t.Fatalf("got %+v", got)
	}
	other.Get(t, "/api/conversations/c1/messages").Want(t, 200)
	if got := other.Get(t, a.URL).Want(t, 200); got.Body != "# Note" {
		t.Errorf("got %q", got.Body)
	}
	if got := importFile(t, other, whole.Body).Report; got.Messages.Taken != 0 || int64(got.Messages.Already) != status.File.Messages || got.Attachments.Already != 1 {
		t.Fatalf("got %+v", got)
	}

	// A new export takes the place of the last one, whose file is gone then.
	export(t, u)
	if again := u.Do(t, "GET", status.File.URL, "", "Range", "bytes=5-", "If-Range", etag).Want(t, 200); again.Header.Get("Etag") == etag {
		t.Error("the file is the same")
	}
	u.Do(t, "DELETE", "/api/account/export", "").Want(t, 204)
	u.Get(t, status.File.URL).Refused(t, 404, "not_found")
	var after exported
	u.Get(t, "/api/account/export").Want(t, 200).Decode(t, &after)
	if after.State != "expired" || after.File != nil {
		t.Errorf("got %+v", after)
	}
	conn := s.Database.Superuser(t)
	var pieces int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM public.account_file_chunks").Scan(&pieces); err != nil || pieces != 0 {
		t.Errorf("%d pieces are left: %v", pieces, err)
	}
}

func TestImportsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"IMPORT_MAX_BYTES": "1048576"}})
	u := s.NewUser()
	const path = "/api/account/import"
	u.Get(t, path).Refused(t, 404, "not_found")
	u.Do(t, "POST", path, "").Refused(t, 422, "invalid")
	u.Do(t, "POST", path+"?x=1", "[]", "Content-Type", "application/json").Refused(t, 422, "invalid")
	u.Do(t, "POST", path, "x", "Content-Type", "multipart/form-data; boundary=x").Refused(t, 415, "unsupported_media_type")
	u.Do(t, "POST", path, "x", "Content-Encoding", "gzip").Refused(t, 415, "unsupported_media_type")
	s.Anonymous().Do(t, "POST", path, "x").Refused(t, 401, "unauthenticated")
	u.Do(t, "POST", path, strings.Repeat("x", 1<<20+1), "Content-Type", "application/zip").Refused(t, 413, "too_large")

	var outside bytes.Buffer
	z := zip.NewWriter(&outside)
	for _, name := range []string{"conversations.json", "../../etc/passwd"} {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for file, code := range map[string]string{
		"\x89PNG\r\n\x1a\n": "not_an_archive", `[{"a":1}]`: "unknown_format", "PK\x03\x04 cut off": "incomplete", outside.String(): "path_outside",
		`[{"uuid":"x","chat_messages":[`: "incomplete",
	} {
		got := importFile(t, u, file).Report
		if got.Refused == nil || got.Refused.Code != code || got.Messages.Taken != 0 {
			t.Errorf("%.20q: got %+v, want %s", file, got.Refused, code)
		}
	}
	got := importFile(t, u, `[{"uuid":"x","name":"From elsewhere","chat_messages":[{"uuid":"1","sender":"human","text":"Hi"},{"uuid":"2","sender":"assistant","text":"Ho"},{"uuid":"3","sender":"assistant","text":""}]}]`).Report
	if *got.Kind != "claude" || got.Messages.Taken != 2 || len(got.Skipped) != 1 || got.Skipped[0].Reason != "empty" {
		t.Errorf("got %+v", got)
	}
	if list := u.Get(t, "/api/conversations").Want(t, 200); !strings.Contains(list.Body, "From elsewhere") {
		t.Errorf("got %s", list.Body)
	}
	conn := s.Database.Superuser(t)
	var files int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM public.account_files").Scan(&files); err != nil || files != 0 {
		t.Errorf("%d files are left: %v", files, err)
	}
}

// Half an upload leaves nothing, and ends with the connection.
func TestImportBrokenOff(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /api/account/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 5000000\r\n\r\n%s", u.Token, strings.Repeat("x", 1_000_000))
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	_ = conn.Close()
	if !bytes.Contains(answer, []byte("400 Bad Request")) {
		t.Errorf("got %s", answer)
	}
	u.Get(t, "/api/account/import").Refused(t, 404, "not_found")
	var files int
	if err := s.Database.Superuser(t).QueryRow(t.Context(), "SELECT count(*) FROM public.account_files").Scan(&files); err != nil || files != 0 {
		t.Errorf("%d files are left: %v", files, err)
	}
}
