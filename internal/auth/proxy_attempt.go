package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
)

// maxIdentifiers is more than any form of Kratos has; whoever sends more is guessing.
const maxIdentifiers = 4

// readAttempt finds who an attempt is about, and in which flow. It is deliberately greedy: Kratos reads forms and
// JSON, dotted and nested names, body and query, in either case of letters, and the last of several members; so every
// member that any of that could mean counts.
func readAttempt(contentType string, body []byte, query string) (identifiers []string, flow string, err error) {
	seen := map[string]bool{}
	note := func(name, value string) {
		name = strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
		if name != "identifier" && name != "email" && name != "password_identifier" {
			return
		}
		if value = strings.ToLower(strings.TrimSpace(value)); value != "" && !seen[value] {
			seen[value] = true
			identifiers = append(identifiers, value)
		}
	}
	unreadable := problem.New(problem.CodeBadRequest, "The form cannot be read.")
	inQuery, err := url.ParseQuery(query)
	if err != nil {
		return nil, "", unreadable
	}
	flow = inQuery.Get("flow")
	if flow != "" && !isCanonicalUUID(flow) { // Kratos knows several ways to write the same one
		return nil, "", problem.New(problem.CodeBadRequest, "The flow id is malformed.")
	}
	forms := []url.Values{inQuery}
	switch contentType {
	case fiber.MIMEApplicationForm:
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, "", unreadable
		}
		forms = append(forms, form)
	case fiber.MIMEApplicationJSON:
		if err := walkJSON(body, note); err != nil {
			return nil, "", unreadable
		}
	}
	for _, form := range forms {
		for name, values := range form {
			for _, value := range values {
				note(name, value)
			}
		}
	}
	if len(identifiers) > maxIdentifiers {
		return nil, "", problem.New(problem.CodeBadRequest, "The form names too many people.")
	}
	return identifiers, flow, nil
}

// walkJSON tells of every member of every object that has a string for a value, repeated ones included.
func walkJSON(body []byte, note func(name, value string)) error {
	if !json.Valid(body) {
		return errors.New("walk JSON: not valid")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	type level struct {
		object bool
		named  bool   // the name of a member has been read, its value comes next
		name   string // of that member
	}
	var levels []level
	for decoder.More() || len(levels) > 0 {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("walk JSON: %w", err)
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if len(levels) > 0 {
			top := &levels[len(levels)-1]
			if top.object && !top.named {
				top.name, top.named = token.(string), true
				continue
			}
			if value, ok := token.(string); ok && top.object {
				note(top.name, value)
			}
			top.named = false
		}
		if delim, ok := token.(json.Delim); ok {
			levels = append(levels, level{object: delim == '{'})
		}
	}
	return nil
}
