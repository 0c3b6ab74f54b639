package streamtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Message is what a client has after the chunks it was given.
type Message struct {
	ID       string
	Metadata map[string]any
	Parts    []map[string]any

	// Finished, Aborted and Failed say which last chunk came, if any did.
	Finished, Aborted, Failed bool
	FinishReason              string
	ErrorText                 string

	started bool
	inStep  bool
	open    map[string]map[string]any // text and reasoning by "kind/id"
	partial map[string]bool           // calls whose input streams
}

// Build applies chunks in order. The error is the first broken rule, the message what was built until then.
func Build(chunks []Chunk) (*Message, error) {
	return build(&Message{}, chunks)
}

// Continue applies the chunks of a reply that goes on after the user was asked, to the message as it is stored.
func Continue(id string, parts []map[string]any, chunks []Chunk) (*Message, error) {
	m, err := build(&Message{Parts: parts}, chunks)
	if err == nil && m.ID != id {
		err = fmt.Errorf("message %q goes on as %q", id, m.ID)
	}
	return m, err
}

func build(m *Message, chunks []Chunk) (*Message, error) {
	m.open, m.partial = map[string]map[string]any{}, map[string]bool{}
	for i, chunk := range chunks {
		if err := m.apply(chunk); err != nil {
			return m, fmt.Errorf("chunk %d, %v: %w", i, chunk, err)
		}
	}
	return m, nil
}

// Text joins the texts of all text parts.
func (m *Message) Text() string {
	var text strings.Builder
	for _, p := range m.Parts {
		if p["type"] == "text" {
			text.WriteString(p["text"].(string))
		}
	}
	return text.String()
}

func (m *Message) apply(c Chunk) error {
	if err := checkShape(c); err != nil {
		return err
	}
	kind := c.Type()
	switch {
	case m.Finished || m.Aborted || m.Failed:
		return errors.New("chunk after the end")
	case kind != "start" && kind != "error" && kind != "abort" && !m.started:
		return errors.New("chunk before start")
	case len(m.open) > 0 && slices.Contains([]string{"finish-step", "start-step", "finish", "abort", "error"}, kind):
		return errors.New("text or reasoning is open")
	case strings.HasPrefix(kind, "data-"):
		m.data(c)
		return nil
	case strings.HasPrefix(kind, "tool-"):
		return m.tool(c)
	}
	switch kind {
	case "text-start", "text-delta", "text-end", "reasoning-start", "reasoning-delta", "reasoning-end":
		return m.block(c)
	}
	return m.control(c)
}

func (m *Message) control(c Chunk) error {
	switch c.Type() {
	case "start":
		if m.started {
			return errors.New("second start")
		}
		m.started, m.ID = true, c.text("messageId")
		m.merge(c)
	case "start-step":
		if m.inStep {
			return errors.New("step inside a step")
		}
		m.inStep = true
		m.Parts = append(m.Parts, map[string]any{"type": "step-start"})
	case "finish-step":
		if !m.inStep {
			return errors.New("end of no step")
		}
		m.inStep = false
	case "source-url":
		m.push(c, "sourceId", "url", "title")
	case "file":
		m.push(c, "url", "mediaType")
	case "message-metadata":
		m.merge(c)
	case "finish":
		if m.inStep || len(m.partial) > 0 {
			return errors.New("finish inside a step or with half a call")
		}
		m.Finished, m.FinishReason = true, c.text("finishReason")
		m.merge(c)
	case "abort":
		if err := m.noCalls(); err != nil {
			return err
		}
		m.Aborted = true
	case "error":
		if err := m.noCalls(); err != nil {
			return err
		}
		m.Failed, m.ErrorText = true, c.text("errorText")
	}
	return nil
}

// noCalls checks that no call waits for anything.
func (m *Message) noCalls() error {
	for _, p := range m.Parts {
		if p["state"] == "input-streaming" || p["state"] == "input-available" {
			return fmt.Errorf("call %v is left open", p["toolCallId"])
		}
	}
	return nil
}

func (m *Message) push(c Chunk, keys ...string) {
	part := map[string]any{"type": c.Type()}
	for _, key := range keys {
		if value, ok := c[key]; ok {
			part[key] = value
		}
	}
	m.Parts = append(m.Parts, part)
}

func (m *Message) block(c Chunk) error {
	kind, verb, _ := strings.Cut(c.Type(), "-")
	key := kind + "/" + c.text("id")
	part := m.open[key]
	if verb == "start" {
		if part != nil || !m.inStep {
			return errors.New("started twice, or outside a step")
		}
		part = map[string]any{"type": kind, "text": "", "state": "streaming"}
		m.open[key] = part
		m.Parts = append(m.Parts, part)
	}
	if part == nil {
		return errors.New("not started")
	}
	if meta, ok := c["providerMetadata"]; ok {
		part["providerMetadata"] = meta
	}
	switch verb {
	case "delta":
		part["text"] = part["text"].(string) + c.text("delta")
	case "end":
		part["state"] = "done"
		delete(m.open, key)
	}
	return nil
}

func (m *Message) data(c Chunk) {
	if c["transient"] == true {
		return
	}
	if id, ok := c["id"]; ok {
		for _, p := range m.Parts {
			if p["type"] == c["type"] && p["id"] == id {
				p["data"] = c["data"]
				return
			}
		}
	}
	m.push(c, "id", "data")
}

func (m *Message) call(id string) map[string]any {
	for _, p := range m.Parts {
		if p["toolCallId"] == id {
			return p
		}
	}
	return nil
}

func (m *Message) newCall(c Chunk) (map[string]any, error) {
	if !m.inStep || len(m.open) > 0 {
		return nil, errors.New("call outside a step or inside a text")
	}
	part := map[string]any{"type": "tool-" + c.text("toolName"), "toolCallId": c["toolCallId"]}
	if c["dynamic"] == true {
		part["type"], part["toolName"] = "dynamic-tool", c["toolName"]
	}
	m.Parts = append(m.Parts, part)
	return part, nil
}

func (m *Message) tool(c Chunk) (err error) {
	id := c.text("toolCallId")
	part := m.call(id)
	if c.Type() == "tool-approval-request" || c.Type() == "tool-output-denied" {
		return approval(part, c)
	}
	if part != nil && c.Type() != "tool-input-delta" && (part["type"] == "dynamic-tool") != (c["dynamic"] == true) {
		return errors.New("dynamic is not the same on every chunk of a call")
	}
	switch c.Type() {
	case "tool-input-start":
		if part != nil {
			return errors.New("started twice")
		}
		if part, err = m.newCall(c); err != nil {
			return err
		}
		part["state"], m.partial[id] = "input-streaming", true
		return nil
	case "tool-input-delta":
		if !m.partial[id] {
			return errors.New("delta of a call that does not stream")
		}
		return nil
	case "tool-input-available", "tool-input-error":
		if part != nil && !m.partial[id] {
			return errors.New("input came twice")
		}
		if part == nil {
			if part, err = m.newCall(c); err != nil {
				return err
			}
		}
		delete(m.partial, id)
		part["input"], part["state"] = c["input"], "input-available"
		if c.Type() == "tool-input-error" {
			part["state"], part["errorText"] = "output-error", c["errorText"]
		}
		return nil
	}
	if part == nil || part["state"] != "input-available" && part["state"] != "approval-requested" {
		return errors.New("result for a call that does not wait for one")
	}
	if c.Type() == "tool-output-error" {
		part["state"], part["errorText"] = "output-error", c["errorText"]
		return nil
	}
	part["state"], part["output"] = "output-available", c["output"]
	return nil
}

// approval asks about a call, or denies one that the user was asked about.
func approval(part map[string]any, c Chunk) error {
	if c.Type() == "tool-output-denied" {
		if part == nil || part["state"] != "approval-requested" {
			return errors.New("denial of a call that nobody was asked about")
		}
		part["state"] = "output-denied"
		return nil
	}
	if part == nil || part["state"] != "input-available" {
		return errors.New("question about a call that does not wait")
	}
	part["state"], part["approval"] = "approval-requested", map[string]any{"id": c["approvalId"]}
	return nil
}

func (m *Message) merge(c Chunk) {
	metadata, ok := c["messageMetadata"].(map[string]any)
	if !ok {
		return
	}
	if m.Metadata == nil {
		m.Metadata = map[string]any{}
	}
	mergeInto(m.Metadata, metadata)
}

func mergeInto(base, over map[string]any) {
	for key, value := range over {
		b, isObject := base[key].(map[string]any)
		o, both := value.(map[string]any)
		if isObject && both {
			mergeInto(b, o)
			continue
		}
		base[key] = value
	}
}
