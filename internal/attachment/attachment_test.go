package attachment_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/attachment"
	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

type testBundle struct {
	*testdb.Database
	*attachment.Service
	wire *testdb.Wire
	ids  *authtest.Identities
	user auth.User

	mu  sync.Mutex
	now time.Time
}

func setup(t *testing.T, maxBytes, totalBytes int) *testBundle {
	t.Helper()
	b := &testBundle{wire: &testdb.Wire{}, ids: authtest.NewIdentities(t), now: time.Now()}
	b.Database = testdb.New(t, testdb.Watch(b.wire))
	b.Service = b.service(b.DB, maxBytes, totalBytes)
	b.user = b.ids.User(t, uuid.New())
	return b
}

func (b *testBundle) service(db *tenant.DB, maxBytes, totalBytes int) *attachment.Service {
	return attachment.New(attachment.Options{DB: db, MaxBytes: maxBytes, TotalBytes: totalBytes, Clock: func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.now
	}})
}

func (b *testBundle) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// stored says how many files a user has and how large they are together, past every seal.
func (b *testBundle) stored(t *testing.T, user auth.User) (files, size int) {
	t.Helper()
	schema := "u_" + strings.ReplaceAll(user.ID().String(), "-", "")
	require.NoError(t, b.Superuser(t).QueryRow(t.Context(),
		"SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM "+schema+".attachments").Scan(&files, &size))
	return files, size
}

func TestStoreAndRead(t *testing.T) {
	t.Parallel()
	b := setup(t, 4<<20, 16<<20)
	ctx := t.Context()
	data := append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("0123456789"), 300_000)...)
	a, err := b.Create(ctx, b.user, "../x/ü.pdf", "application/pdf", data)
	require.NoError(t, err)
	require.Equal(t, "ü.pdf", a.Name)
	require.Equal(t, "application/pdf", a.MediaType)
	require.Equal(t, len(data), a.Size)

	got, err := b.Get(ctx, b.user, a.ID)
	require.NoError(t, err)
	require.WithinDuration(t, a.CreatedAt, got.CreatedAt, time.Microsecond)
	got.CreatedAt = a.CreatedAt
	require.Equal(t, a, got)

	for _, r := range []struct{ first, count, want int }{
		{0, len(data), len(data)}, {0, 9, 9}, {12345, 678, 678}, {len(data) - 1, 100, 1}, {len(data), 10, 0},
	} {
		piece, err := b.Read(ctx, b.user, a.ID, r.first, r.count)
		require.NoError(t, err)
		require.Len(t, piece, r.want)
		require.True(t, bytes.Equal(piece, data[r.first:r.first+r.want]))
	}

	stranger := b.ids.User(t, uuid.New())
	_, err = b.Get(ctx, stranger, a.ID)
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	_, err = b.Read(ctx, stranger, a.ID, 0, 10)
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	err = b.Delete(ctx, stranger, a.ID)
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)

	require.NoError(t, b.Delete(ctx, b.user, a.ID))
	for range 2 {
		err = b.Delete(ctx, b.user, a.ID)
		require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	}
	_, err = b.Read(ctx, b.user, a.ID, 0, 10)
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t, 1<<10, 1<<20)
	for name, tc := range map[string]struct {
		file, declared string
		data           []byte
		code           problem.Code
	}{
		"too large":  {"a.txt", "text/plain", bytes.Repeat([]byte("a"), 1<<10+1), problem.CodeTooLarge},
		"empty":      {"a.txt", "text/plain", nil, problem.CodeInvalid},
		"bad name":   {"\xff", "text/plain", []byte("a"), problem.CodeInvalid},
		"false type": {"a.png", "image/png", []byte("a"), problem.CodeUnsupportedMediaType},
	} {
		_, err := b.Create(t.Context(), b.user, tc.file, tc.declared, tc.data)
		require.True(t, problem.HasCode(err, tc.code), "%s: %v", name, err)
	}
	_, err := b.Create(t.Context(), b.user, "a.txt", "", bytes.Repeat([]byte("a"), 1<<10))
	require.NoError(t, err)
	files, _ := b.stored(t, b.user)
	require.Equal(t, 1, files)
}

// Storing costs two round trips, one before the file is sent; reading costs one.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	b := setup(t, 1<<20, 1<<20)
	ctx := t.Context()
	a, err := b.Create(ctx, b.user, "a.txt", "", []byte("hello"))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		act   func() error
		trips int64
	}{
		"create": {func() error { _, err := b.Create(ctx, b.user, "b.txt", "", []byte("hello")); return err }, 2},
		"get":    {func() error { _, err := b.Get(ctx, b.user, a.ID); return err }, 1},
		"read":   {func() error { _, err := b.Read(ctx, b.user, a.ID, 1, 3); return err }, 1},
	} {
		require.NoError(t, tc.act(), name) // statements are prepared the first time
		require.Equal(t, tc.trips, b.wire.During(func() { err = tc.act() }), name)
		require.NoError(t, err, name)
	}
}

// The total holds though ten uploads at once, in two servers, each see room for themselves.
func TestTotalUnderConcurrency(t *testing.T) {
	t.Parallel()
	const size, limit = 100_000, 450_000
	b := setup(t, 1<<20, limit)
	ctx := t.Context()
	_, err := b.Get(ctx, b.user, uuid.New()) // the brain is there
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	other := b.service(b.Kernel(t), 1<<20, limit)
	errs := make([]error, 10)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range errs {
		service := []*attachment.Service{b.Service, other}[i%2]
		wg.Go(func() {
			<-start
			_, errs[i] = service.Create(ctx, b.user, "a.txt", "text/plain", bytes.Repeat([]byte{byte('a' + i)}, size))
		})
	}
	close(start)
	wg.Wait()
	stored := 0
	for _, err := range errs {
		if err == nil {
			stored++
			continue
		}
		require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
	}
	files, total := b.stored(t, b.user)
	require.Equal(t, 4, stored)
	require.Equal(t, 4, files)
	require.Equal(t, 4*size, total)

	// What is deleted makes room; others have a total of their own.
	_, err = other.Create(ctx, b.ids.User(t, uuid.New()), "a.txt", "", bytes.Repeat([]byte("a"), size))
	require.NoError(t, err)
	_, err = b.Create(ctx, b.user, "a.txt", "", bytes.Repeat([]byte("a"), limit-4*size))
	require.NoError(t, err)
	_, err = b.Create(ctx, b.user, "a.txt", "", []byte("a"))
	require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
}

// A small file counts as 4 KB, so that the number of rows is bounded as well.
func TestSmallFilesCount(t *testing.T) {
	t.Parallel()
	b := setup(t, 4096, 3*4096)
	for range 3 {
		_, err := b.Create(t.Context(), b.user, "a.txt", "", []byte("a"))
		require.NoError(t, err)
	}
	_, err := b.Create(t.Context(), b.user, "a.txt", "", []byte("a"))
	require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
}

func TestSweep(t *testing.T) {
	t.Parallel()
	b := setup(t, 1<<10, 1<<20)
	ctx := t.Context()
	old, err := b.Create(ctx, b.user, "old.txt", "", []byte("old"))
	require.NoError(t, err)
	kept, err := b.Create(ctx, b.user, "kept.txt", "", []byte("kept"))
	require.NoError(t, err)
	schema := "u_" + strings.ReplaceAll(b.user.ID().String(), "-", "")
	_, err = b.Superuser(t).Exec(ctx, "UPDATE "+schema+".attachments SET conversation_id = 'c' WHERE id = $1", kept.ID)
	require.NoError(t, err)

	b.advance(23 * time.Hour)
	young, err := b.Create(ctx, b.user, "young.txt", "", []byte("young"))
	require.NoError(t, err)
	_, err = b.Get(ctx, b.user, old.ID)
	require.NoError(t, err)

	b.advance(2 * time.Hour)
	_, err = b.Create(ctx, b.user, "new.txt", "", []byte("new"))
	require.NoError(t, err)
	_, err = b.Get(ctx, b.user, old.ID)
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	for _, id := range []uuid.UUID{kept.ID, young.ID} {
		_, err = b.Get(ctx, b.user, id)
		require.NoError(t, err)
	}
}

// The bytes stand outside of the table's rows, uncompressed.
func TestStorage(t *testing.T) {
	t.Parallel()
	b := setup(t, 4<<20, 16<<20)
	_, err := b.Create(t.Context(), b.user, "a.txt", "", bytes.Repeat([]byte("a"), 1<<20))
	require.NoError(t, err)
	schema := "u_" + strings.ReplaceAll(b.user.ID().String(), "-", "")
	var main, whole int
	require.NoError(t, b.Superuser(t).QueryRow(t.Context(),
		"SELECT pg_relation_size($1), pg_table_size($1)", schema+".attachments").Scan(&main, &whole))
	require.LessOrEqual(t, main, 8192)
	require.Greater(t, whole, 1<<20)
}

func TestRoom(t *testing.T) {
	t.Parallel()
	room := attachment.NewRoom(10, 4)
	alice, bob, carol := uuid.New(), uuid.New(), uuid.New()
	take := func(user uuid.UUID, n int) func() {
		t.Helper()
		leave, err := room.Take(t.Context(), user, n)
		require.NoError(t, err)
		return leave
	}
	full := func(user uuid.UUID, n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := room.Take(ctx, user, n)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	first := take(alice, 1000) // as much as she can have
	full(alice, 1)
	second := take(bob, 3)
	take(carol, 3)
	full(bob, 1) // in all
	waiting := make(chan error, 1)
	go func() {
		_, err := room.Take(t.Context(), bob, 1)
		waiting <- err
	}()
	first()
	first()
	require.NoError(t, <-waiting)
	full(bob, 1) // four of his own
	second()
	take(bob, 3)
}

// Many take and leave at once; never is more taken than there is, and nobody waits for ever.
func TestRoomUnderConcurrency(t *testing.T) {
	t.Parallel()
	room := attachment.NewRoom(10, 5)
	users := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	var mu sync.Mutex
	used := 0
	var wg sync.WaitGroup
	problems := make(chan error, 300)
	for i := range 300 {
		wg.Go(func() {
			n := i%5 + 1
			leave, err := room.Take(t.Context(), users[i%3], n)
			if err != nil {
				problems <- err
				return
			}
			mu.Lock()
			used += n
			if used > 10 {
				problems <- errors.New("too much is taken")
			}
			mu.Unlock()
			mu.Lock()
			used -= n
			mu.Unlock()
			leave()
		})
	}
	wg.Wait()
	close(problems)
	for err := range problems {
		t.Error(err)
	}
}
