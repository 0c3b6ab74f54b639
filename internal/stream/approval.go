package stream

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Approval is what a stored reply says of a call that the user is asked about.
type Approval struct {
	ID     string
	CallID string
	// Pending: there is no answer yet.
	Pending bool
	// Tool is what RequestApproval was told of the tool; empty once there is an answer.
	Tool string
}

// Decision is the user's answer to one request for approval.
type Decision struct {
	ApprovalID string
	CallID     string
	Approved   bool
	// Reason is the user's, and may be empty.
	Reason string
}

// storedCall is a tool part as appendTool writes it.
type storedCall struct {
	Type       string          `json:"type"`
	ToolName   string          `json:"toolName"`
	ToolCallID string          `json:"toolCallId"`
	State      string          `json:"state"`
	Input      json.RawMessage `json:"input"`
	Meta       json.RawMessage `json:"callProviderMetadata"`
	Approval   *storedApproval `json:"approval"`
}

type storedApproval struct {
	ID       string `json:"id"`
	Approved *bool  `json:"approved,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func (s storedApproval) encode() json.RawMessage {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err) // unreachable: strings and a boolean
	}
	return out
}

// Approvals lists the requests for approval in stored parts, answered ones included.
func Approvals(parts json.RawMessage) ([]Approval, error) {
	var stored []storedCall
	if err := json.Unmarshal(parts, &stored); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	var all []Approval
	for _, p := range stored {
		if p.Approval != nil {
			tool, _ := splitMeta(p.Meta)
			all = append(all, Approval{ID: p.Approval.ID, CallID: p.ToolCallID, Pending: p.State == toolStates[approvalRequested], Tool: tool})
		}
	}
	return all, nil
}

// RequestApproval asks the user about a call that waits for a result: it waits for a decision from now on, beyond the end
// of the reply. Tool identifies what the user is asked about, so that the answer can be held to it; it is stored until there
// is one, and not streamed.
func (a *Assembler) RequestApproval(callID, approvalID, tool string) error {
	return a.do(func() error {
		p, ok := a.calls[callID]
		if !ok || p.state != inputAvailable {
			return ErrUnknownCall
		}
		a.flush()
		p.state, p.approval, p.tool = approvalRequested, storedApproval{ID: approvalID}.encode(), tool
		a.enc.toolApprovalRequest(p.approvalID(), p.id)
		return nil
	})
}

// Resume takes up a stored reply where it asked for approval, in place of Start: what was stored stays as it is and is not
// sent again. Calls that are approved wait for a result (Calls), the others are denied. Requests without a decision stay.
func (a *Assembler) Resume(parts, metadata json.RawMessage, decisions []Decision) error {
	return a.do(func() error {
		var stored []json.RawMessage
		if err := json.Unmarshal(parts, &stored); err != nil {
			return fmt.Errorf("read parts: %w", err)
		}
		byID := byApproval(decisions)
		a.size, a.next = len(parts), len(stored)
		for _, raw := range stored {
			var call storedCall
			if err := json.Unmarshal(raw, &call); err != nil {
				return fmt.Errorf("read part: %w", err)
			}
			if !call.waits() {
				a.keep(raw, call.ToolCallID)
				continue
			}
			p := call.restore(byID)
			a.calls[p.id] = p
			a.add(p)
		}
		if err := a.start(); err != nil {
			return err
		}
		merged, err := merge(orAbsent(metadata), a.metadata)
		if err != nil {
			return err
		}
		a.metadata = merged
		for _, p := range a.parts {
			if p.kind == partTool {
				p.replayRestored(&a.enc)
			}
		}
		return nil
	})
}

// waits says whether the call has no result because the user was asked about it.
func (c storedCall) waits() bool {
	return c.Approval != nil && (c.State == toolStates[approvalRequested] || c.State == toolStates[approvalResponded])
}

func byApproval(decisions []Decision) map[string]Decision {
	byID := map[string]Decision{}
	for _, d := range decisions {
		byID[d.ApprovalID] = d
	}
	return byID
}

// restore makes a part of a call that waits. One that was answered in an earlier run, which then got lost, ends.
func (c storedCall) restore(decisions map[string]Decision) *part {
	name, isStatic := strings.CutPrefix(c.Type, "tool-")
	if !isStatic {
		name = c.ToolName
	}
	p := &part{kind: partTool, restored: true, id: c.ToolCallID, name: name, dynamic: !isStatic, input: c.Input, state: approvalRequested}
	p.tool, p.meta = splitMeta(c.Meta)
	approval := *c.Approval
	d, decided := decisions[approval.ID]
	switch {
	case c.State == toolStates[approvalResponded]:
		p.state, p.errorText = outputError, lostCall
	case decided:
		p.state = outputDenied
		if d.Approved {
			p.state = inputAvailable
		}
		approval.Approved, approval.Reason = &d.Approved, SanitizeText(d.Reason)
	}
	p.approval = approval.encode()
	return p
}

// replayRestored appends what a client that has the stored message does not know of this part.
func (p *part) replayRestored(e *encoder) {
	switch {
	case p.kind != partTool:
	case p.state == outputAvailable:
		e.toolOutputAvailable(p.id, p.output, p.dynamic)
	case p.state == outputError:
		e.toolOutputError(p.id, p.errorText, p.dynamic)
	case p.state == outputDenied:
		e.toolOutputDenied(p.id)
	}
}

// approvalID of the part's request; empty if there is none.
func (p *part) approvalID() string {
	var stored storedApproval
	if p.approval == nil || json.Unmarshal(p.approval, &stored) != nil {
		return ""
	}
	return stored.ID
}

func (e *encoder) toolApprovalRequest(approvalID, callID string) {
	e.open("tool-approval-request")
	e.string("approvalId", approvalID)
	e.string("toolCallId", callID)
	e.close()
}

func (e *encoder) toolOutputDenied(callID string) {
	e.open("tool-output-denied")
	e.string("toolCallId", callID)
	e.close()
}
