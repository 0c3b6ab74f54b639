// Package archive is the file in which an account's data leave, and in which they or those of other services come in. It writes
// our own format from a snapshot and reads three: our own, and the exports of ChatGPT and of Claude. What it reads comes from anywhere,
// so nothing in a file is believed: neither names nor sizes nor what it says that it is. docs/data.md describes the formats.
package archive

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// The form of our own archive. Version grows when an older program could no longer read it.
const (
	Format  = "twobrains-export"
	Version = 1
)

// Entries of our own archive; attachments stand in a folder.
const (
	manifestName      = "manifest.json"
	readmeName        = "README.txt"
	conversationsName = "conversations.jsonl"
	attachmentsName   = "attachments.jsonl"
	attachmentsFolder = "attachments/"
	memoriesName      = "memories.jsonl"
	settingsName      = "settings.json"
	usageName         = "usage.csv"
	sharesName        = "shares.jsonl"
	dumpName          = "brain.sql"
)

// Manifest is the last entry of our own archive. It says what the others are.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Program is the version of the one that wrote it.
	Program string    `json:"program"`
	UserID  uuid.UUID `json:"userId"`
	// SchemaVersion is that of the private brain in brain.sql.
	SchemaVersion int32     `json:"schemaVersion"`
	TakenAt       time.Time `json:"takenAt"`
	Counts        Counts    `json:"counts"`
	// Tables counts the rows in brain.sql.
	Tables map[string]int64 `json:"tables"`
	// Files are the entries beside the attachments, which attachments.jsonl lists in the same way.
	Files []Entry `json:"files"`
}

// Counts of what an archive holds.
type Counts struct {
	Conversations int64 `json:"conversations"`
	Messages      int64 `json:"messages"`
	Attachments   int64 `json:"attachments"`
	Memories      int64 `json:"memories"`
}

// Entry is one file of an archive.
type Entry struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	// SHA256 in hex.
	SHA256 string `json:"sha256"`
}

// Conversation is one line of conversations.jsonl.
type Conversation struct {
	ID          string     `json:"id"`
	Title       string     `json:"title"`
	TitleByUser bool       `json:"titleByUser"`
	Pinned      bool       `json:"pinned"`
	ArchivedAt  *time.Time `json:"archivedAt"`
	CreatedAt   time.Time  `json:"createdAt"`
	UpdatedAt   time.Time  `json:"updatedAt"`
	// Messages come after the one that they follow.
	Messages []Message `json:"messages"`
	// Skipped is what of it was not understood; it is never written.
	Skipped []Skip `json:"-"`
}

// Message of a conversation.
type Message struct {
	ID string `json:"id"`
	// ParentID is the message that it follows; empty: none.
	ParentID string `json:"parentId"`
	// Role is user or assistant.
	Role string `json:"role"`
	// Parts are UIMessage parts.
	Parts    json.RawMessage `json:"parts"`
	Metadata json.RawMessage `json:"metadata"`
	// Status is complete, interrupted, aborted or failed.
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"createdAt"`
	// Shown: it is on the path that the user sees, not on a branch beside it.
	Shown bool `json:"shown"`
	// Size is the number of bytes of text; it is never written.
	Size int `json:"-"`
}

// Attachment is one line of attachments.jsonl.
type Attachment struct {
	Entry
	ID             uuid.UUID `json:"id"`
	ConversationID string    `json:"conversationId"`
	MediaType      string    `json:"mediaType"`
	Name           string    `json:"name"`
	CreatedAt      time.Time `json:"createdAt"`
}

// Memory is one line of memories.jsonl, a note; archives of earlier versions have none.
type Memory struct {
	ID      uuid.UUID `json:"id"`
	Content string    `json:"content"`
	// Source is user or model: whose words it is in.
	Source string `json:"source"`
	// ConversationID is where a model wrote it; empty: nowhere, or the conversation is gone.
	ConversationID string    `json:"conversationId"`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

// Reason why something was not taken. Reasons are API.
type Reason string

// The reasons.
const (
	// ReasonEmpty: nothing that can be shown is in it.
	ReasonEmpty Reason = "empty"
	// ReasonSystem: an instruction to the model, or hidden from the user, where it comes from.
	ReasonSystem Reason = "system"
	// ReasonTool: what a tool was asked or answered.
	ReasonTool Reason = "tool"
	// ReasonFile: a file or picture that the export only names, or whose kind is not accepted.
	ReasonFile Reason = "file"
	// ReasonContent: another kind of content that has no form here.
	ReasonContent Reason = "content"
	// ReasonUnreadable: it has not the form that it should have.
	ReasonUnreadable Reason = "unreadable"
	// ReasonNotStorable: it holds something that the database cannot take.
	ReasonNotStorable Reason = "not_storable"
	// ReasonIDTaken: its id belongs to a message of another conversation.
	ReasonIDTaken Reason = "id_taken"
	// ReasonRunActive: a reply was being made in its conversation.
	ReasonRunActive Reason = "run_active"
	// ReasonStorageFull: it would exceed what the user may store.
	ReasonStorageFull Reason = "storage_full"
	// ReasonMemoryFull: there are as many notes as there may be.
	ReasonMemoryFull Reason = "memory_full"
	// ReasonNotImported: settings, usage and shared links are those of the account they come from.
	ReasonNotImported Reason = "not_imported"
)

// Skip is something that was not taken. ID names it where it comes from: an id, or its place in the file; never a text.
type Skip struct {
	Reason Reason
	ID     string
}

// Code says why a file is refused as a whole. Codes are API.
type Code string

// The codes.
const (
	CodeNotArchive Code = "not_an_archive"         // neither a ZIP nor JSON
	CodeForeign    Code = "unknown_format"         // readable, but none of the three formats
	CodeIncomplete Code = "incomplete"             // cut off, or entries are missing
	CodeDamaged    Code = "damaged"                // an entry is not what the manifest or its checksum says
	CodeNewer      Code = "newer_format"           // of a newer version of this program
	CodePath       Code = "path_outside"           // an entry would stand outside of the archive
	CodeDuplicate  Code = "duplicate_entry"        // two entries of one name
	CodeNested     Code = "nested_archive"         // the archive is inside of another one
	CodeBomb       Code = "too_compressed"         // it would unfold to far more than it is
	CodeTooLarge   Code = "too_large"              // more entries or bytes than can be
	CodeEncoding   Code = "wrong_encoding"         // not UTF-8
	CodeEncrypted  Code = "encrypted"              // protected with a password
	CodeBadJSON    Code = "malformed_json"         // not the JSON that it should be
	CodeLongEntry  Code = "conversation_too_large" // one conversation is more than fits into memory
)

// Error refuses a file.
type Error struct {
	Code Code
	// Where is the entry, if it is about one; never content.
	Where string
	cause error
}

// Error implements error; it may be shown to who gave the file.
func (e *Error) Error() string {
	text := string(e.Code)
	if e.Where != "" {
		text += " in " + e.Where
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

func refuse(code Code, where string, cause error) error {
	return fmt.Errorf("read archive: %w", &Error{Code: code, Where: where, cause: cause})
}
