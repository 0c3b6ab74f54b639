package stream

import "encoding/json"

type partKind uint8

const (
	partStep partKind = iota
	partText
	partReasoning
	partTool
	partSource
	partFile
	partData
	// partStored is a part of an earlier run, kept as it was stored, in output.
	partStored
)

// wire is the kind's name in chunk types and part types, where it has one for both.
func (k partKind) wire() string {
	if k == partReasoning {
		return "reasoning"
	}
	return "text"
}

type toolState uint8

const (
	inputStreaming toolState = iota
	inputAvailable
	outputAvailable
	outputError
	approvalRequested
	outputDenied
	// approvalResponded is stored only: of calls that were allowed and whose run has not stored more.
	approvalResponded
)

var toolStates = [...]string{"input-streaming", "input-available", "output-available", "output-error", "approval-requested", "output-denied", "approval-responded"}

// part is one part of the reply as it will be stored. Which fields mean something depends on kind.
type part struct {
	kind partKind
	// id is the chunk id of text and reasoning, the call id of tools, the source id, the id of data.
	id string
	// block is the provider's name of a text or reasoning block; open says that more may come.
	block string
	open  bool
	// text of text and reasoning; of tools the raw arguments while they stream.
	text []byte
	// name of the tool or of the data; title of a source.
	name      string
	url       string
	mediaType string
	meta      json.RawMessage

	state     toolState
	dynamic   bool
	input     json.RawMessage
	output    json.RawMessage
	errorText string
	// badInput: the call ended before its input was good, with tool-input-error.
	badInput bool
	// approval is the stored form of the request for approval, with its answer; nil: there was none.
	approval json.RawMessage
	// tool is what the user was asked about, while there is no answer: RequestApproval.
	tool string
	// restored: the part is of an earlier run, and clients know it as it was then.
	restored bool
}

// appendStored appends the part as a member of UIMessage.parts.
func (p *part) appendStored(dst []byte) []byte {
	e := encoder{buf: dst}
	switch p.kind {
	case partStored:
		return append(e.buf, p.output...)
	case partStep:
		e.buf = append(e.buf, `{"type":"step-start"`...)
	case partText, partReasoning:
		e.buf = append(e.buf, `{"type":"`+p.kind.wire()+`"`...)
		e.key("text")
		e.buf = appendString(e.buf, p.text)
		if p.open {
			e.string("state", "streaming")
		} else {
			e.string("state", "done")
		}
		e.raw("providerMetadata", p.meta)
	case partTool:
		e.buf = p.appendTool(e.buf)
	case partSource:
		e.buf = append(e.buf, `{"type":"source-url"`...)
		e.string("sourceId", p.id)
		e.string("url", p.url)
		e.optional("title", p.name)
	case partFile:
		e.buf = append(e.buf, `{"type":"file"`...)
		e.string("mediaType", p.mediaType)
		e.string("url", p.url)
		e.raw("providerMetadata", p.meta)
	case partData:
		e.buf = append(e.buf, `{"type":`...)
		e.buf = appendString(e.buf, "data-"+p.name)
		e.optional("id", p.id)
		e.raw("data", p.output)
	}
	return append(e.buf, '}')
}

func (p *part) appendTool(dst []byte) []byte {
	e := encoder{buf: dst}
	e.buf = append(e.buf, `{"type":`...)
	if p.dynamic {
		e.buf = append(e.buf, `"dynamic-tool"`...)
		e.string("toolName", p.name)
	} else {
		e.buf = appendString(e.buf, "tool-"+p.name)
	}
	e.string("toolCallId", p.id)
	e.string("state", toolStates[p.state])
	e.raw("input", p.input)
	e.raw("output", p.output)
	if p.state == outputError {
		e.string("errorText", p.errorText)
	}
	e.raw("approval", p.approval)
	e.raw("callProviderMetadata", p.callMeta())
	return e.buf
}

// replay appends the chunks that lead a client to this part.
func (p *part) replay(e *encoder) {
	if p.restored {
		p.replayRestored(e)
		return
	}
	switch p.kind {
	case partStep:
		e.startStep()
	case partText, partReasoning:
		e.blockStart(p.kind.wire(), p.id, nil)
		if len(p.text) > 0 {
			e.blockDelta(p.kind.wire(), p.id, p.text)
		}
		if !p.open {
			e.blockEnd(p.kind.wire(), p.id, p.meta)
		}
	case partTool:
		p.replayTool(e)
	case partSource:
		e.sourceURL(p.id, p.url, p.name)
	case partFile:
		e.file(p.url, p.mediaType)
	case partData:
		e.data(p.name, p.id, p.output, false)
	}
}

func (p *part) replayTool(e *encoder) {
	switch {
	case p.state == inputStreaming:
		e.toolInputStart(p.id, p.name, p.dynamic)
		if len(p.text) > 0 {
			e.toolInputDelta(p.id, p.text)
		}
	case p.state == outputError && p.badInput:
		e.toolInputError(p.id, p.name, p.input, p.errorText, p.dynamic)
	default:
		e.toolInputAvailable(p.id, p.name, p.input, p.dynamic)
		if p.state == outputAvailable {
			e.toolOutputAvailable(p.id, p.output, p.dynamic)
		} else if p.state == outputError {
			e.toolOutputError(p.id, p.errorText, p.dynamic)
		} else if p.state == approvalRequested {
			e.toolApprovalRequest(p.approvalID(), p.id)
		}
	}
}
