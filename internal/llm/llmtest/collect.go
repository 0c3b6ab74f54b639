package llmtest

import (
	"context"
	"encoding/json"
	"testing"

	"twobrains/internal/llm"
)

// Result is a reply as the suite compares it.
type Result struct {
	Text, Reasoning string
	Calls           []llm.ToolCall
	Fragments       map[string]string // of the calls' arguments, by id
	Sources         []llm.Source
	Files           []llm.GeneratedFile
	// Parts are the reply as it is kept for later turns: deltas of a block are one part, with the block's last metadata.
	Parts  []llm.Part
	Usage  llm.Usage
	Finish llm.FinishReason
	Err    error
}

// Collect reads a reply and checks what every reply must obey: one end, starts before deltas before calls, ids unique.
func Collect(ctx context.Context, t *testing.T, p llm.Provider, req llm.Request) Result {
	t.Helper()
	r, parts := Result{Fragments: map[string]string{}}, stored{}
	started, finished, called := map[string]bool{}, false, map[string]bool{}
	for event, err := range p.Stream(ctx, req) {
		if finished {
			t.Fatalf("%v, %v after the end", event, err)
		}
		if err != nil {
			if event != nil {
				t.Fatalf("event %v with error %v", event, err)
			}
			r.Err, finished = err, true
			continue
		}
		switch ev := event.(type) {
		case llm.TextDelta:
			r.Text += ev.Text
			parts.text(ev)
		case llm.ReasoningDelta:
			r.Reasoning += ev.Text
			parts.reasoning(ev)
		case llm.ToolCallStart:
			if started[ev.ID] || ev.ID == "" || ev.Name == "" {
				t.Fatalf("bad start %+v", ev)
			}
			started[ev.ID] = true
			parts.start(ev.ID)
		case llm.ToolInputDelta:
			if !started[ev.ID] || called[ev.ID] {
				t.Fatalf("delta outside its call %+v", ev)
			}
			r.Fragments[ev.ID] += ev.Delta
		case llm.ToolCall:
			if called[ev.ID] || ev.ID == "" || !json.Valid(ev.Input) {
				t.Fatalf("bad call %+v", ev)
			}
			called[ev.ID] = true
			r.Calls = append(r.Calls, ev)
			parts.call(ev)
		case llm.Source:
			r.Sources = append(r.Sources, ev)
		case llm.GeneratedFile:
			r.Files = append(r.Files, ev)
			parts.add("", llm.File{MediaType: ev.MediaType, Data: ev.Data, Meta: ev.Meta})
		case llm.Usage:
			if !r.Usage.IsZero() {
				t.Fatal("usage twice")
			}
			r.Usage = ev
		case llm.Finish:
			r.Finish, finished = ev.Reason, true
		}
	}
	if !finished {
		t.Fatal("neither a finish nor an error")
	}
	r.Parts = parts.list
	return r
}

// stored builds a reply's parts in the way in which they are kept: a part begins with its first event, and another
// part's event ends it.
type stored struct {
	list  []llm.Part
	open  string         // the block that deltas go to
	calls map[string]int // places of the calls that began
}

func (s *stored) add(block string, part llm.Part) {
	s.open = block
	s.list = append(s.list, part)
}

func (s *stored) text(ev llm.TextDelta) {
	if s.open != "text "+ev.Block {
		s.add("text "+ev.Block, llm.Text{})
	}
	last := &s.list[len(s.list)-1]
	part := (*last).(llm.Text)
	part.Text += ev.Text
	if ev.Meta != nil {
		part.Meta = ev.Meta
	}
	*last = part
}

func (s *stored) reasoning(ev llm.ReasoningDelta) {
	if s.open != "reasoning "+ev.Block {
		s.add("reasoning "+ev.Block, llm.Reasoning{})
	}
	last := &s.list[len(s.list)-1]
	part := (*last).(llm.Reasoning)
	part.Text += ev.Text
	if ev.Meta != nil {
		part.Meta = ev.Meta
	}
	*last = part
}

func (s *stored) start(id string) {
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[id] = len(s.list)
	s.add("", nil)
}

func (s *stored) call(ev llm.ToolCall) {
	if at, ok := s.calls[ev.ID]; ok {
		s.list[at] = ev
		return
	}
	s.add("", ev)
}
