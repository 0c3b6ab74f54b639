// Package devmail is where mail goes in development: Kratos posts it here, a page shows it, and whoever develops signs in
// without a mail server. It is never mounted in production, since whoever reads it can sign in as anybody.
package devmail

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/secret"
)

// Keep is how many mails are remembered, the newest ones.
const Keep = 200

// Mail as it was received.
type Mail struct {
	ID      string `json:"id"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
	// Code is the one-time code in it, empty if there is none.
	Code string `json:"code"`
	// Template is Kratos's name of the kind of mail, such as "login_code_valid".
	Template   string    `json:"template"`
	ReceivedAt time.Time `json:"receivedAt"`
}

// Options of a Sink; Key is required.
type Options struct {
	// Key must come with every mail, and lets programs and other machines read.
	Key secret.Secret
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Sink keeps mail in memory. It is safe for concurrent use.
type Sink struct {
	key secret.Secret
	now func() time.Time

	mu    sync.Mutex
	mails []Mail // oldest first
}

// New makes a Sink.
func New(o Options) *Sink {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Sink{key: o.Key, now: o.Clock}
}

// message is what Kratos's mail.jsonnet makes of a mail.
type message struct {
	Recipient    string         `json:"recipient"`
	Subject      string         `json:"subject"`
	Body         string         `json:"body"`
	TemplateType string         `json:"template_type"`
	TemplateData map[string]any `json:"template_data"`
}

func (s *Sink) add(m message) {
	mail := Mail{
		ID: uuid.NewString(), To: m.Recipient, Subject: m.Subject, Body: m.Body,
		Code: m.code(), Template: m.TemplateType, ReceivedAt: s.now().UTC(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mails) == Keep {
		s.mails = slices.Delete(s.mails, 0, 1)
	}
	s.mails = append(s.mails, mail)
}

// List returns mail, the newest first; only what went to the address, if one is given.
func (s *Sink) List(to string) []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Mail{}
	for _, mail := range slices.Backward(s.mails) {
		if to == "" || strings.EqualFold(mail.To, to) {
			found = append(found, mail)
		}
	}
	return found
}

// codeMembers are the names under which Kratos's templates know their codes.
var codeMembers = []string{"login_code", "registration_code", "verification_code", "recovery_code"}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// code finds the one-time code: the template's data holds it even where the body does not.
func (m message) code() string {
	for _, name := range codeMembers {
		if code, ok := m.TemplateData[name].(string); ok && code != "" {
			return code
		}
	}
	return sixDigits.FindString(m.Body)
}
