package transfer

import (
	"context"
	"fmt"

	"twobrains/internal/account/archive"
	"twobrains/internal/chat"
	"twobrains/internal/memory"
)

// memories takes notes, all of them at once.
func (i *importer) memories(ctx context.Context) error {
	var notes []memory.Note
	seen := 0
	for m, err := range i.a.Memories() {
		if err != nil {
			return err
		}
		seen++
		n := memory.Note{ID: m.ID, Content: m.Content, ByModel: m.Source == "model", CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
		if n.ByModel && chat.ValidID(m.ConversationID) {
			n.ConversationID = m.ConversationID
		}
		if !n.Valid() {
			i.report.skip(archive.ReasonUnreadable, fmt.Sprintf("note %d", seen))
			continue
		}
		notes = append(notes, n)
	}
	if len(notes) == 0 {
		return nil
	}
	done, err := memory.New(memory.Options{DB: i.o.DB, Clock: i.o.Clock}).Import(ctx, i.user, notes)
	if err != nil {
		return err
	}
	i.report.Memories = Tally{Taken: done.Taken, Already: done.Already}
	for _, id := range done.Full {
		i.report.skip(archive.ReasonMemoryFull, id.String())
	}
	return nil
}
