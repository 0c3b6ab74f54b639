package completion_test

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/completion"
)

// The runs of many users are left by a process that died: one look of another one settles them all. TWOBRAINS_SWEEP says of how many
// users, to measure it.
func TestSweepOfManyUsers(t *testing.T) {
	t.Parallel()
	n, err := strconv.Atoi(os.Getenv("TWOBRAINS_SWEEP"))
	if err != nil {
		n = 20
	}
	b := setup(t, func(o *completion.Options) { o.Logger = slog.New(slog.DiscardHandler) })
	shared := prefix()
	one := b.process(shared)
	b.provider.say(held(nil))
	users := make([]auth.User, n)
	for i := range users {
		users[i] = b.ids.User(t, uuid.New())
		b.user = users[i]
		b.begin(one.Service, "c", fmt.Sprint("m", i)).Close()
	}
	one.dies()
	two := b.process(shared)
	start := time.Now()
	require.NoError(t, two.Sweep(t.Context()))
	t.Logf("%d runs in %v", n, time.Since(start))
	for _, user := range users {
		b.user = user
		require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.messages WHERE status = 'interrupted' AND parts::text LIKE '%so far%'"))
	}
	require.Zero(t, b.count("SELECT count(*) FROM public.run_tickets"))
	require.Equal(t, n, b.count("SELECT sum(messages) FROM public.usage_daily"))
}
