package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"twobrains/internal/attachment"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// MaxFileBytes bounds the files that a request to a model carries, those of its newest message first. In base64 20 MiB
	// become 28 MB, which fit the 32 MB that Anthropic, the strictest of the providers, takes.
	MaxFileBytes = 20 << 20
	// maxFiles bounds the files of one message.
	maxFiles = 20
)

// FileRef is a file part of a user's message: an attachment of which only the address has been checked.
type FileRef struct {
	ID uuid.UUID
	// MediaType is what the client says.
	MediaType string
	// path is the part's own in the request.
	path string
	// makers are the providers whose metadata a stored part has.
	makers []string
}

var mediaType = regexp.MustCompile(`^[a-z]{1,32}/[A-Za-z0-9.+-]{1,67}$`)

func parseFilePart(part userPart) (userPart, FileRef, complaint) {
	id, ok := attachment.ParseURL(part.URL)
	switch {
	case part.URL == "":
		return part, FileRef{}, complaint{".url", "is required"}
	case !ok && hasPrefixFold(part.URL, "data:"):
		return part, FileRef{}, complaint{".url", "must not hold the file: upload it to " + attachment.Path + " and refer to it by the url that this answers with"}
	case !ok:
		return part, FileRef{}, complaint{".url", "must be that of an attachment: upload the file to " + attachment.Path + " first"}
	case part.MediaType == "":
		return part, FileRef{}, complaint{".mediaType", "is required"}
	case !mediaType.MatchString(part.MediaType):
		return part, FileRef{}, complaint{".mediaType", "must be a media type, such as image/png"}
	}
	stored := userPart{Type: part.Type, MediaType: part.MediaType, URL: part.URL}
	if part.Filename != "" {
		name, err := attachment.CleanName(part.Filename)
		if err != nil {
			return part, FileRef{}, complaint{".filename", "must be UTF-8"}
		}
		stored.Filename = name
	}
	return stored, FileRef{ID: id, MediaType: part.MediaType}, complaint{}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func checkFiles(files []FileRef) string {
	if len(files) > maxFiles {
		return fmt.Sprintf("must hold at most %d files", maxFiles)
	}
	for i, f := range files {
		if slices.ContainsFunc(files[:i], func(earlier FileRef) bool { return earlier.ID == f.ID }) {
			return "must hold each file once"
		}
	}
	return ""
}

// Claim gives the files of a message to its conversation.
type Claim struct {
	files []FileRef
	rows  *tenant.Result[[]tenantdb.AttachmentClaimRow]
}

// QueueClaim queues the claim of a message's files, after the statement that stores the message and so locks the
// conversation. Nil for a message without files.
func QueueClaim(ctx context.Context, tx *tenant.Tx, conversation string, m UserMessage) *Claim {
	if len(m.Files) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(m.Files))
	for i, f := range m.Files {
		ids[i] = f.ID
	}
	return &Claim{files: m.Files, rows: tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.AttachmentClaimRow, error) {
		return tenantdb.New().AttachmentClaim(ctx, db, tenantdb.AttachmentClaimParams{ConversationID: &conversation, Ids: ids})
	})}
}

// Check must be called in the same transaction, once the claim has run. It refuses files that are not the user's, that are
// gone or belong to another conversation, with CodeInvalid and the members at fault; the transaction must then not
// commit. A nil Claim is good.
func (c *Claim) Check() error {
	if c == nil {
		return nil
	}
	invalid := problem.New(problem.CodeInvalid, "The message refers to files that it cannot have.")
	total := 0
	for _, f := range c.files {
		i := slices.IndexFunc(c.rows.Value(), func(row tenantdb.AttachmentClaimRow) bool { return row.ID == f.ID })
		if i < 0 {
			invalid.Field(f.path+".url", "names no attachment of yours that this conversation could have; upload the file again")
			continue
		}
		row := c.rows.Value()[i]
		total += int(row.Size)
		if row.MediaType != f.MediaType {
			invalid.Field(f.path+".mediaType", "must be "+row.MediaType)
		}
	}
	if len(invalid.Fields) == 0 && total > MaxFileBytes {
		invalid.Detail = "The files of this message are too large for one request to a model."
		invalid.Field(strings.TrimSuffix(c.files[0].path, c.files[0].path[strings.LastIndexByte(c.files[0].path, '['):]),
			fmt.Sprintf("must hold files of at most %d MiB together", MaxFileBytes>>20))
	}
	if len(invalid.Fields) > 0 {
		return invalid
	}
	return nil
}

// Files are attachments with their bytes, as a model gets to see them.
type Files map[uuid.UUID]llm.File

// sent is a file of the user, or words in its place.
func (f Files) sent(p storedPart) llm.Part {
	id, _ := attachment.ParseURL(p.URL)
	if file, ok := f[id]; ok {
		return file
	}
	name := p.Filename
	if name == "" {
		name = p.MediaType
	}
	return llm.Text{Text: "[attachment " + name + " is no longer included]"}
}

// made is a file that a model made, with the provider's metadata.
func (f Files) made(p storedPart) (llm.File, bool) {
	id, _ := attachment.ParseURL(p.URL)
	file, ok := f[id]
	file.Meta = p.Metadata
	return file, ok
}

// FileLoad reads the files of a history.
type FileLoad struct {
	rows *tenant.Result[[]tenantdb.AttachmentLoadRow]
}

// Files returns what was read, once the transaction is over. None for a nil FileLoad.
func (l *FileLoad) Files() Files {
	files := Files{}
	if l == nil {
		return files
	}
	for _, row := range l.rows.Value() {
		files[row.ID] = llm.File{MediaType: row.MediaType, Name: row.Name, Data: row.Data}
	}
	return files
}

// QueueFiles queues the reading of the files that a history refers to, as far as they fit MaxFileBytes, newest first: of the
// user's those that the model takes, of those that models made the ones of its own provider. Nil, at no cost, where there are none. CodeInvalid: the newest message of the user holds a file
// that the model cannot take.
func QueueFiles(ctx context.Context, tx *tenant.Tx, history []tenantdb.MessageHistoryRow, model catalog.Model) (*FileLoad, error) {
	var ids []uuid.UUID
	newest := true
	for _, row := range slices.Backward(history) {
		files, err := filesOf(row.Parts)
		if err != nil {
			return nil, fmt.Errorf("message %s: %w", row.ID, err)
		}
		for _, f := range files {
			wanted := slices.Contains(f.makers, model.Provider)
			if row.Role == "user" {
				wanted = Takes(model, f.MediaType)
				if newest && !wanted {
					return nil, errNotTaken(model, f.MediaType)
				}
			}
			if wanted && !slices.Contains(ids, f.ID) {
				ids = append(ids, f.ID)
			}
		}
		newest = newest && row.Role != "user"
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return &FileLoad{tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.AttachmentLoadRow, error) {
		return tenantdb.New().AttachmentLoad(ctx, db, tenantdb.AttachmentLoadParams{Ids: ids, Budget: MaxFileBytes})
	}).Proves()}, nil
}

func filesOf(parts json.RawMessage) ([]FileRef, error) {
	var stored []struct {
		Type      string                     `json:"type"`
		MediaType string                     `json:"mediaType"`
		URL       string                     `json:"url"`
		Metadata  map[string]json.RawMessage `json:"providerMetadata"`
	}
	if err := json.Unmarshal(parts, &stored); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	var files []FileRef
	for _, p := range stored {
		if id, ok := attachment.ParseURL(p.URL); ok && p.Type == "file" {
			files = append(files, FileRef{ID: id, MediaType: p.MediaType, makers: slices.Collect(maps.Keys(p.Metadata))})
		}
	}
	return files, nil
}

// Takes reports whether a model can be given a file of the type. Texts go to all of them, as words. Google's take no GIF.
func Takes(m catalog.Model, mediaType string) bool {
	switch {
	case attachment.IsText(mediaType):
		return true
	case mediaType == "image/gif" && m.Provider == "google":
		return false
	case attachment.IsImage(mediaType):
		return m.Capabilities.Images
	case mediaType == "application/pdf":
		return m.Capabilities.Files
	}
	return false
}

func errNotTaken(m catalog.Model, mediaType string) error {
	what := "files of this kind"
	switch {
	case mediaType == "image/gif" && m.Capabilities.Images:
		what = "GIF images"
	case attachment.IsImage(mediaType):
		what = "images"
	case mediaType == "application/pdf":
		what = "PDFs"
	}
	return problem.Newf(problem.CodeInvalid, "%s cannot read %s; choose another model, or leave the file out.", m.Name, what).
		Field("modelId", "must be a model that reads "+what)
}

// QueueStore queues the storing of a file that a model made, after the statement that stores the reply: where the conversation
// is gone, so is the file. It is left out, too, where the user's files would exceed TotalBytes, if that is not 0.
func QueueStore(ctx context.Context, tx *tenant.Tx, conversation string, p tenantdb.AttachmentStoreParams) {
	p.ConversationID = conversation
	tenant.QueueExec(tx, func(db tenant.DBTX) error { return tenantdb.New().AttachmentStore(ctx, db, p) })
}
