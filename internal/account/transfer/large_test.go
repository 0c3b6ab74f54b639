package transfer_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/spool"
	"twobrains/internal/auth"
	"twobrains/internal/tenant"
)

// What an export of 1 GiB takes, as a figure in the log: with TWOBRAINS_LARGE=1, since it takes minutes and gigabytes of disk.
func TestExportOfAGigabyte(t *testing.T) {
	t.Parallel()
	if os.Getenv("TWOBRAINS_LARGE") == "" {
		t.Skip("set TWOBRAINS_LARGE=1")
	}
	b := setup(t)
	u := b.user()
	b.exec(u, "INSERT INTO {S}.conversations (id) VALUES ('c')")
	b.fillGigabyte(u)
	runtime.GC()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak of RSS is counted from here
	heap, stop := peak()
	start := time.Now()
	files := spool.New(spool.Options{DB: b.DB, Ring: b.Keys})
	w, err := files.Create(t.Context(), u, spool.Export)
	require.NoError(t, err)
	require.NoError(t, b.DB.Snapshot(t.Context(), u, func(s *tenant.Snapshot) error {
		_, err := archive.Write(t.Context(), s, w, archive.WriteOptions{})
		return err
	}))
	file, err := w.Complete()
	require.NoError(t, err)
	stop()
	t.Logf("1 GiB of attachments became %d MiB in %s; heap %d MiB at most, RSS at most %s", file.Size>>20, time.Since(start).Round(time.Millisecond), *heap>>20, maxRSS())
	require.Less(t, *heap, uint64(64<<20))

	r, err := files.Open(t.Context(), u, file.ID)
	require.NoError(t, err)
	a, err := archive.Open(r, r.Size())
	require.NoError(t, err)
	require.NoError(t, a.VerifyDump())
	n := 0
	for at, err := range a.Attachments() {
		require.NoError(t, err)
		_, err := a.ReadAttachment(at, 20<<20)
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 64, n)
}

// fillGigabyte is a function of its own, so that what it holds is gone after it.
func (b *testBundle) fillGigabyte(u auth.User) {
	data := make([]byte, 16<<20)
	random := rand.NewChaCha8([32]byte{1})
	for i := range 64 {
		_, _ = random.Read(data)
		b.exec(u, "INSERT INTO {S}.attachments (id, conversation_id, media_type, name, size, created_at, data) VALUES (gen_random_uuid(), 'c', 'image/png', $1, $2, now(), $3)",
			fmt.Sprint(i), len(data), data)
	}
}

// peak watches the heap until stop is called.
func peak() (heap *uint64, stop func()) {
	heap = new(uint64)
	done := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			*heap = max(*heap, m.HeapAlloc)
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	})
	return heap, func() { close(done); work.Wait() }
}

// maxRSS is what the system says.
func maxRSS() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
