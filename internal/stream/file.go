package stream

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/google/uuid"

	"twobrains/internal/attachment"
	"twobrains/internal/llm"
)

// Bounds of the files that a model makes in one reply. They wait in memory until it is stored.
const (
	maxMadeFiles     = 16
	maxMadeFileBytes = 32 << 20
)

// File is a file that the model made, to be stored together with the reply that refers to it.
type File struct {
	// ID is that of the attachment.
	ID        uuid.UUID
	MediaType string
	Data      []byte
}

// Files returns the files that the model made so far. The reply refers to them by addresses under which nothing is found
// before they are stored.
func (a *Assembler) Files() []File {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.files[:len(a.files):len(a.files)]
}

// generated adds a file that the model made. Its bytes are kept aside: chunks and parts hold its address only.
func (a *Assembler) generated(ev llm.GeneratedFile) error {
	if len(ev.Data) == 0 {
		return nil
	}
	var meta json.RawMessage
	if ev.Meta != nil {
		var err error
		if meta, err = Sanitize(ev.Meta); err != nil {
			return fmt.Errorf("provider metadata: %w", err)
		}
	}
	total := len(ev.Data)
	for _, f := range a.files {
		total += len(f.Data)
	}
	if len(a.files) == maxMadeFiles || total > maxMadeFileBytes {
		return ErrTooLarge
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("name file: %w", err)
	}
	if err := a.file(attachment.URL(id), cleanMediaType(ev.MediaType), meta); err != nil {
		return err
	}
	a.files = append(a.files, File{ID: id, MediaType: cleanMediaType(ev.MediaType), Data: ev.Data})
	return nil
}

// file adds a part for a file. The address is shown and fetched by clients.
func (a *Assembler) file(address, mediaType string, meta json.RawMessage) error {
	if err := a.grow(len(address) + len(meta)); err != nil {
		return err
	}
	if err := a.ensureStep(); err != nil {
		return err
	}
	a.closeBlock()
	a.add(&part{kind: partFile, url: address, mediaType: mediaType, meta: meta})
	a.enc.file(address, mediaType)
	return nil
}

var mediaTypePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,48}/[a-z0-9][a-z0-9!#$&^_.+-]{0,48}$`)

// cleanMediaType keeps what can be a header's value; a provider's word is not taken for more.
func cleanMediaType(mediaType string) string {
	if mediaTypePattern.MatchString(mediaType) {
		return mediaType
	}
	return "application/octet-stream"
}
