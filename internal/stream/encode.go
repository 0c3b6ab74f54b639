package stream

import (
	"encoding/json"
	"unicode/utf8"
)

// encoder appends chunks to a buffer, each as one whole frame of the event stream: "data: {…}\n\n". Its methods are the
// only place that knows the wire names, one method for each chunk type of the subset that every client version accepts:
// absent keys are left out, nothing is null except a tool's output, no key is added.
//
// Written by hand because every token passes here: no reflection, no allocation but the buffer's growth.
type encoder struct{ buf []byte }

// reset empties the buffer and keeps its memory, unless one large chunk made it grow.
func (e *encoder) reset() {
	if cap(e.buf) > 16<<10 {
		e.buf = nil
	}
	e.buf = e.buf[:0]
}

func (e *encoder) open(kind string) {
	e.buf = append(e.buf, `data: {"type":"`...)
	e.buf = append(e.buf, kind...)
	e.buf = append(e.buf, '"')
}

func (e *encoder) close() { e.buf = append(e.buf, "}\n\n"...) }

func (e *encoder) key(key string) {
	e.buf = append(e.buf, ',', '"')
	e.buf = append(e.buf, key...)
	e.buf = append(e.buf, '"', ':')
}

func (e *encoder) string(key, value string) {
	e.key(key)
	e.buf = appendString(e.buf, value)
}

func (e *encoder) optional(key, value string) {
	if value != "" {
		e.string(key, value)
	}
}

// raw appends sanitised JSON; nil leaves the key out.
func (e *encoder) raw(key string, value json.RawMessage) {
	if value != nil {
		e.key(key)
		e.buf = append(e.buf, value...)
	}
}

func (e *encoder) flag(key string, value bool) {
	if value {
		e.key(key)
		e.buf = append(e.buf, "true"...)
	}
}

func (e *encoder) start(messageID string, metadata json.RawMessage) {
	e.open("start")
	e.string("messageId", messageID)
	e.raw("messageMetadata", metadata)
	e.close()
}

func (e *encoder) startStep()  { e.open("start-step"); e.close() }
func (e *encoder) finishStep() { e.open("finish-step"); e.close() }
func (e *encoder) abort()      { e.open("abort"); e.close() }

// blockStart, blockDelta and blockEnd serve kind "text" and kind "reasoning".
func (e *encoder) blockStart(kind, id string, meta json.RawMessage) {
	e.open(kind + "-start")
	e.string("id", id)
	e.raw("providerMetadata", meta)
	e.close()
}

func (e *encoder) blockDelta(kind, id string, delta []byte) {
	e.buf = append(e.buf, `data: {"type":"`...)
	e.buf = append(e.buf, kind...)
	e.buf = append(e.buf, `-delta"`...)
	e.string("id", id)
	e.key("delta")
	e.buf = appendString(e.buf, delta)
	e.close()
}

func (e *encoder) blockEnd(kind, id string, meta json.RawMessage) {
	e.open(kind + "-end")
	e.string("id", id)
	e.raw("providerMetadata", meta)
	e.close()
}

func (e *encoder) toolInputStart(id, name string, dynamic bool) {
	e.open("tool-input-start")
	e.string("toolCallId", id)
	e.string("toolName", name)
	e.flag("dynamic", dynamic)
	e.close()
}

func (e *encoder) toolInputDelta(id string, delta []byte) {
	e.open("tool-input-delta")
	e.string("toolCallId", id)
	e.key("inputTextDelta")
	e.buf = appendString(e.buf, delta)
	e.close()
}

func (e *encoder) toolInputAvailable(id, name string, input json.RawMessage, dynamic bool) {
	e.open("tool-input-available")
	e.string("toolCallId", id)
	e.string("toolName", name)
	e.raw("input", input)
	e.flag("dynamic", dynamic)
	e.close()
}

func (e *encoder) toolInputError(id, name string, input json.RawMessage, errorText string, dynamic bool) {
	e.open("tool-input-error")
	e.string("toolCallId", id)
	e.string("toolName", name)
	e.raw("input", input)
	e.flag("dynamic", dynamic)
	e.string("errorText", errorText)
	e.close()
}

func (e *encoder) toolOutputAvailable(id string, output json.RawMessage, dynamic bool) {
	e.open("tool-output-available")
	e.string("toolCallId", id)
	e.raw("output", output)
	e.flag("dynamic", dynamic)
	e.close()
}

func (e *encoder) toolOutputError(id, errorText string, dynamic bool) {
	e.open("tool-output-error")
	e.string("toolCallId", id)
	e.string("errorText", errorText)
	e.flag("dynamic", dynamic)
	e.close()
}

func (e *encoder) sourceURL(id, url, title string) {
	e.open("source-url")
	e.string("sourceId", id)
	e.string("url", url)
	e.optional("title", title)
	e.close()
}

func (e *encoder) file(url, mediaType string) {
	e.open("file")
	e.string("url", url)
	e.string("mediaType", mediaType)
	e.close()
}

func (e *encoder) data(name, id string, data json.RawMessage, transient bool) {
	e.buf = append(e.buf, `data: {"type":`...)
	e.buf = appendString(e.buf, "data-"+name)
	e.optional("id", id)
	e.raw("data", data)
	e.flag("transient", transient)
	e.close()
}

func (e *encoder) messageMetadata(metadata json.RawMessage) {
	e.open("message-metadata")
	e.raw("messageMetadata", metadata)
	e.close()
}

func (e *encoder) finish(reason string, metadata json.RawMessage) {
	e.open("finish")
	e.optional("finishReason", reason)
	e.raw("messageMetadata", metadata)
	e.close()
}

func (e *encoder) error(errorText string) {
	e.open("error")
	e.string("errorText", errorText)
	e.close()
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. U+0000, which Postgres cannot hold in jsonb, and bytes that are not UTF-8
// become U+FFFD, so that what is streamed is what can be stored.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := decodeRune(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == 0 || c >= utf8.RuneSelf:
			dst = append(dst, "\uFFFD"...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func decodeRune[T string | []byte](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}
