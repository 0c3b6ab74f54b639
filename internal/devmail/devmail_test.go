package devmail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
	"twobrains/internal/secret"
)

const key = "the-mail-key"

// ask sends a request; from is the address it seems to come from, host the name it asks for.
func ask(t *testing.T, s *Sink, from, host, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	app := fiber.New(fiber.Config{
		ProxyHeader: "X-Test-From",
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			var e *problem.Error
			if !errors.As(err, &e) {
				t.Errorf("error without a face: %v", err)
			}
			return c.SendStatus(problem.From(err).Code.Info().Status)
		},
	})
	s.Register(app)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = host
	r.Header.Set("X-Test-From", from)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := app.Test(r, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func post(t *testing.T, s *Sink, body string) {
	t.Helper()
	if status, _ := ask(t, s, "172.17.0.2", "twobrains:8080", http.MethodPost, Path, body, keyHeader, key); status != 204 {
		t.Fatalf("got status %d", status)
	}
}

func TestMail(t *testing.T) {
	t.Parallel()
	s := New(Options{Key: secret.New(key)})
	post(t, s, `{"recipient":"Alice@example.test","subject":"Use code 111111","body":"Hello <b>111111</b>","template_type":"login_code_valid","template_data":{"login_code":"123456","x":1}}`)
	post(t, s, `{"recipient":"bob@example.test","subject":"Hi","body":"Your code: 654321.","template_type":"recovery_code_valid"}`)
	post(t, s, `{"recipient":"bob@example.test","subject":"Hi","body":"no code"}`)

	read := func(query string) []Mail {
		t.Helper()
		status, body := ask(t, s, "127.0.0.1", "127.0.0.1:8080", http.MethodGet, Path+"?format=json"+query, "", keyHeader, key)
		var mails []Mail
		if err := json.Unmarshal([]byte(body), &mails); status != 200 || err != nil {
			t.Fatalf("got %d %s, %v", status, body, err)
		}
		return mails
	}
	all := read("")
	if len(all) != 3 || all[0].Body != "no code" || all[0].Code != "" || all[1].Code != "654321" || all[2].Code != "123456" || all[2].Template != "login_code_valid" {
		t.Fatalf("got %+v", all)
	}
	if to := read("&to=alice@example.test"); len(to) != 1 || to[0].To != "Alice@example.test" || to[0].ID == "" || to[0].ReceivedAt.IsZero() {
		t.Fatalf("got %+v", to)
	}
	if none := read("&to=nobody@example.test"); none == nil || len(none) != 0 {
		t.Fatalf("got %+v", none)
	}
	_, page := ask(t, s, "127.0.0.1", "localhost:8080", http.MethodGet, Path, "")
	for _, want := range []string{"123456", "Hello &lt;b&gt;111111", "Alice@example.test", `http-equiv="refresh"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<style") || strings.Contains(page, "<b>111") {
		t.Error("the page holds something inline")
	}
}

func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	s := New(Options{Key: secret.New(key)})
	for _, c := range []struct {
		name, from, host, path string
		key                    string
		status                 int
	}{
		{"own browser", "127.0.0.1", "127.0.0.1:8080", Path, "", 200},
		{"own browser, IPv6", "::1", "[::1]:8080", Path, "", 200},
		{"own browser, by a foreign name", "127.0.0.1", "evil.example:8080", Path, "", 403},
		{"another machine", "192.168.1.2", "localhost:8080", Path, "", 403},
		{"another machine with the key", "192.168.1.2", "localhost:8080", Path + "?key=" + key, "", 200},
		{"another machine with a wrong key", "192.168.1.2", "localhost:8080", Path + "?key=x", "", 403},
		{"program without key", "127.0.0.1", "127.0.0.1:8080", Path + "?format=json", "", 403},
		{"program with key", "127.0.0.1", "127.0.0.1:8080", Path + "?format=json", key, 200},
	} {
		if status, _ := ask(t, s, c.from, c.host, http.MethodGet, c.path, "", keyHeader, c.key); status != c.status {
			t.Errorf("%s: got %d, want %d", c.name, status, c.status)
		}
	}
	for _, c := range []struct{ body, key string }{{`{"recipient":"a@example.test"}`, ""}, {`{"recipient":"a@example.test"}`, "wrong"}} {
		if status, _ := ask(t, s, "127.0.0.1", "127.0.0.1", http.MethodPost, Path, c.body, keyHeader, c.key); status != 403 {
			t.Errorf("post with key %q: got %d", c.key, status)
		}
	}
	for _, body := range []string{`{`, `{}`, `[]`} {
		if status, _ := ask(t, s, "127.0.0.1", "127.0.0.1", http.MethodPost, Path, body, keyHeader, key); status != 400 {
			t.Errorf("post of %s: got %d", body, status)
		}
	}
	if len(s.List("")) != 0 {
		t.Error("something was kept")
	}
}

func TestOldMailGoes(t *testing.T) {
	t.Parallel()
	s := New(Options{Key: secret.New(key)})
	for i := range Keep + 5 {
		s.add(message{Recipient: "a@example.test", Subject: fmt.Sprint(i)})
	}
	if all := s.List(""); len(all) != Keep || all[0].Subject != fmt.Sprint(Keep+4) || all[Keep-1].Subject != "5" {
		t.Errorf("%d mails, from %s to %s", len(all), all[0].Subject, all[Keep-1].Subject)
	}
}
