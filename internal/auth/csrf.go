package auth

import (
	"mime"
	"net/http"
	"strings"

	"twobrains/internal/problem"
)

// CheckOrigin refuses requests that another site may have made a browser send. It concerns requests that carry a cookie
// and are not GET or HEAD: they must come from exactly our origin ("https://chat.example.org", no trailing slash), say so
// themselves (Origin, and Sec-Fetch-Site where the browser sends it), and if they have a body it must be
// application/json, which forms cannot send. Requests with a token are exempt: no browser adds one by itself.
//
// Errors are of CodeCrossSite or CodeUnsupportedMediaType.
func CheckOrigin(method string, cred Credential, header func(name string) string, publicOrigin string) error {
	if !cred.IsCookie() || method == http.MethodGet || method == http.MethodHead {
		return nil
	}
	if err := checkSameOrigin(header, publicOrigin); err != nil {
		return err
	}
	return checkJSON(header)
}

func checkSameOrigin(header func(name string) string, publicOrigin string) error {
	if site := header("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return problem.New(problem.CodeCrossSite, "The request comes from another site.")
	}
	switch header("Origin") {
	case publicOrigin:
		return nil
	case "":
		return problem.New(problem.CodeCrossSite, "A request with a session cookie needs an Origin header.")
	default:
		return problem.New(problem.CodeCrossSite, "The request comes from another origin.")
	}
}

func checkJSON(header func(name string) string) error {
	contentType := header("Content-Type")
	if contentType == "" {
		length := header("Content-Length")
		if (length == "" || length == "0") && header("Transfer-Encoding") == "" {
			return nil
		}
	} else if isMediaType(contentType, "application/json") {
		return nil
	}
	return problem.New(problem.CodeUnsupportedMediaType, "Send the body as application/json.")
}

// isMediaType reports whether a Content-Type is of that type, in UTF-8 if it says anything about it.
func isMediaType(contentType, want string) bool {
	got, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || got != want {
		return false
	}
	charset := parameters["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8")
}
