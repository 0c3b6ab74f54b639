package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// lostCall is what the model and the user learn of a call that was allowed, and of which no more is known.
const lostCall = "The call was interrupted; whether it took effect is not known."

// Answer gives stored parts the user's decisions, to be stored before anything is done about them: calls that are denied
// have their result by that, calls that are approved are in the state approval-responded.
func Answer(parts json.RawMessage, decisions []Decision) (json.RawMessage, error) {
	byID := byApproval(decisions)
	return rewriteCalls(parts, toolStates[approvalRequested], func(c storedCall) *part {
		p := c.restore(byID)
		if p.state == inputAvailable {
			p.state = approvalResponded
		}
		return p
	})
}

// CloseLost ends the calls of stored parts that were approved in a run which could not store what came of them. Whether
// they took effect is not known, so they are not to be made again.
func CloseLost(parts json.RawMessage) (json.RawMessage, error) {
	if !bytes.Contains(parts, []byte(toolStates[approvalResponded])) {
		return parts, nil
	}
	return rewriteCalls(parts, toolStates[approvalResponded], func(c storedCall) *part { return c.restore(nil) })
}

// rewriteCalls replaces the calls with a request for approval that are in a state.
func rewriteCalls(parts json.RawMessage, state string, rewrite func(storedCall) *part) (json.RawMessage, error) {
	var stored []json.RawMessage
	if err := json.Unmarshal(parts, &stored); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	for i, raw := range stored {
		var call storedCall
		if err := json.Unmarshal(raw, &call); err != nil {
			return nil, fmt.Errorf("read part: %w", err)
		}
		if call.Approval != nil && call.State == state {
			stored[i] = rewrite(call).appendStored(nil)
		}
	}
	out, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("write parts: %w", err)
	}
	return out, nil
}

// ownMeta is the member of callProviderMetadata that is ours. It stands there because clients accept any provider's
// metadata, and no unknown keys elsewhere.
const ownMeta = "twobrains"

type callBinding struct {
	Tool string `json:"tool"`
}

// callMeta is the stored form of callProviderMetadata.
func (p *part) callMeta() json.RawMessage {
	if p.state != approvalRequested || p.tool == "" {
		return p.meta
	}
	own, err := json.Marshal(map[string]callBinding{ownMeta: {p.tool}})
	if err != nil {
		panic(err) // unreachable: strings
	}
	both, err := merge(p.meta, own)
	if err != nil {
		return own
	}
	return both
}

// splitMeta takes ours out of stored callProviderMetadata.
func splitMeta(meta json.RawMessage) (tool string, rest json.RawMessage) {
	var members map[string]json.RawMessage
	if json.Unmarshal(meta, &members) != nil || members[ownMeta] == nil {
		return "", meta
	}
	var own callBinding
	_ = json.Unmarshal(members[ownMeta], &own)
	delete(members, ownMeta)
	if len(members) == 0 {
		return own.Tool, nil
	}
	rest, err := json.Marshal(members)
	if err != nil {
		panic(err) // unreachable: it was read from JSON
	}
	return own.Tool, rest
}
