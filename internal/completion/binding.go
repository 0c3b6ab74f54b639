package completion

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"runtime/debug"

	"github.com/google/uuid"

	"twobrains/internal/tool"
)

// fingerprint identifies a tool as the user is asked about it: its names, what it is said to do and take, and the server it
// is on. A name alone does not, for names are dealt anew to the servers that are enabled. Servers of the same name count
// together, so that an approval does not move from one to another.
func (r *run) fingerprint(t tool.Tool) string {
	var schema any
	if json.Unmarshal(t.InputSchema, &schema) != nil {
		schema = string(t.InputSchema)
	}
	type place struct{ ID, URL, Transport string }
	var places []place
	for _, s := range r.servers {
		if t.Server != "" && s.Name == t.Server {
			places = append(places, place{s.ID, s.URL, string(s.Transport)})
		}
	}
	sum := sha256.Sum256(encode(struct {
		Name, Title, Description, Server string
		Schema                           any
		Places                           []place
	}{t.Name, t.Title, t.Description, t.Server, schema, places}))
	return hex.EncodeToString(sum[:16])
}

// isBound says whether a call may go to the tool: one that the user has approved only to the tool as it was then.
func (r *run) isBound(callID string, t tool.Tool) bool {
	if r.continues == nil {
		return true
	}
	asked, approved := r.continues.bound[callID]
	return !approved || asked == r.fingerprint(t)
}

// guard, deferred, keeps a panic in what is done in the background from ending the process.
func (s *Service) guard(what string, run uuid.UUID) {
	if p := recover(); p != nil {
		s.log.Error("panic in the background", "doing", what, "run", run, "panic", p, "stack", string(debug.Stack()))
	}
}
