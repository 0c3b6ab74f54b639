package admin_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/admin"
	"twobrains/internal/broadcast"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(of string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), of)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 20*time.Second, 5*time.Millisecond, what)
}

// Settings come without being told of, what was known last counts while nobody can tell, and the log says so once each time.
func TestModelWatch(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	owner := db.Owner(t)
	exec := func(sql string) {
		t.Helper()
		_, err := owner.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	list, err := catalog.Load(catalog.Options{})
	require.NoError(t, err)
	var log lines
	watch, err := admin.NewModelWatch(admin.ModelWatchOptions{
		DB: db.DB, Catalog: list, Every: 5 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	demo := func() catalog.Model {
		m, _ := list.Model("demo:demo")
		return m
	}
	const unread, again = "cannot be read", "read again"

	exec("INSERT INTO public.model_settings (model, enabled, output_microusd) VALUES ('demo:demo', false, 7), ('gone:model', false, NULL)")
	exec("ALTER TABLE public.model_settings RENAME TO away")
	require.Error(t, watch.Read(t.Context()))
	require.Error(t, watch.Read(t.Context()))
	require.False(t, demo().Disabled, "as listed")
	require.Equal(t, 1, log.count(unread))

	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = watch.Run(ctx) })
	defer running.Wait()
	defer stop()
	exec("ALTER TABLE public.away RENAME TO model_settings")
	eventually(t, "settings that can be read", func() bool { return demo().Disabled })
	require.EqualValues(t, 7, demo().Prices.Output)
	require.Equal(t, 1, log.count(again))

	exec("ALTER TABLE public.model_settings RENAME TO away")
	eventually(t, "a look in vain", func() bool { return log.count(unread) == 2 })
	require.True(t, demo().Disabled, "as known last")
	exec("DELETE FROM public.away")
	exec("ALTER TABLE public.away RENAME TO model_settings")
	eventually(t, "no settings", func() bool { return !demo().Disabled })
	require.Zero(t, demo().Prices.Output)
	require.Equal(t, 2, log.count(again))
}

// Who is told looks at once.
func TestModelWatchIsTold(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	o, err := redis.ParseURL(os.Getenv("TWOBRAINS_TEST_REDIS"))
	require.NoError(t, err)
	client := redis.NewClient(o)
	defer client.Close()
	list, err := catalog.Load(catalog.Options{})
	require.NoError(t, err)
	channel := broadcast.New(client, "test:"+t.Name()+time.Now().String())
	watch, err := admin.NewModelWatch(admin.ModelWatchOptions{DB: db.DB, Catalog: list, Channel: channel, Every: time.Hour})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = watch.Run(ctx) })
	defer running.Wait()
	defer stop()
	_, err = db.Owner(t).Exec(t.Context(), "INSERT INTO public.model_settings (model, is_default) VALUES ('demo:demo', true)")
	require.NoError(t, err)
	eventually(t, "a look", func() bool {
		require.NoError(t, channel.Publish(t.Context(), "changed")) // heard by whoever listens already
		return list.Preferred() == "demo:demo"
	})
}

func TestModelWatchNeeds(t *testing.T) {
	t.Parallel()
	_, err := admin.NewModelWatch(admin.ModelWatchOptions{})
	require.Error(t, err)
}
