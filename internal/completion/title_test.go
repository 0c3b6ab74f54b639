package completion_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
)

// titled answers the user with one text and requests for titles with another; before says what happens first.
func titled(title string, before func(context.Context)) func(context.Context, llm.Request, func(llm.Event, error) bool) {
	return func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		if req.Tools != nil {
			says("The answer.")(ctx, req, yield)
			return
		}
		if before != nil {
			before(ctx)
		}
		if title == "" {
			yield(nil, llm.NewError(llm.Failed, errors.New("status 500")))
			return
		}
		says(title)(ctx, req, yield)
	}
}

func withTitles(t *testing.T, script func(context.Context, llm.Request, func(llm.Event, error) bool)) *testBundle {
	t.Helper()
	b := setup(t, func(o *completion.Options) { o.Titles = true })
	b.provider.script = script
	return b
}

// drained waits until nothing is left to do.
func (b *testBundle) drained() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(b.t, b.Drain(ctx))
}

func (b *testBundle) title(conversation string) (title string) {
	b.t.Helper()
	require.NoError(b.t, b.Superuser(b.t).QueryRow(b.t.Context(), "SELECT title FROM "+b.schema()+".conversations WHERE id = $1", conversation).Scan(&title))
	return title
}

func TestTitleAfterTheFirstReply(t *testing.T) {
	t.Parallel()
	b := withTitles(t, titled("\"A **fine** title.\"\nand more", nil))
	b.send("c1", "m1", "What is the weather in Paris?")
	b.drained()
	require.Equal(t, "A **fine** title", b.title("c1"))
	request := b.provider.last(t)
	require.Contains(t, request.Messages[0].Parts[0].(llm.Text).Text, "What is the weather in Paris?")
	require.Contains(t, request.Messages[0].Parts[0].(llm.Text).Text, "The answer.")
	require.Equal(t, 20, b.count("SELECT input_tokens FROM public.usage_daily WHERE messages = 1"), "the title's tokens are counted, without a message")
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"))

	b.Service = b.newService()
	b.send("c1", "m2", "And in Rome?")
	b.drained()
	require.Len(t, b.provider.requests, 3, "only the first reply names it")
}

func TestTitleIsNotOverwritten(t *testing.T) {
	t.Parallel()
	renamed, asked := make(chan struct{}), make(chan struct{})
	b := withTitles(t, titled("The model's", func(context.Context) {
		close(asked)
		<-renamed
	}))
	b.send("c1", "m1", "hello there")
	<-asked
	_, err := b.Superuser(t).Exec(t.Context(), "UPDATE "+b.schema()+".conversations SET title = 'Mine', title_by_user = true")
	require.NoError(t, err)
	close(renamed)
	b.drained()
	require.Equal(t, "Mine", b.title("c1"))
}

func TestTitleThatFailsCostsNothing(t *testing.T) {
	t.Parallel()
	b := withTitles(t, titled("", nil))
	m := b.send("c1", "m1", "hello there")
	require.True(t, m.Finished)
	b.drained()
	require.Equal(t, "hello there", b.title("c1"))
	require.Equal(t, 10, b.count("SELECT input_tokens FROM public.usage_daily"))
}

// A title under way is given up when the server stops, and no goroutine of it is left.
func TestTitleIsGivenUpOnShutdown(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	b := withTitles(t, titled("", func(ctx context.Context) {
		close(asked)
		<-ctx.Done()
	}))
	b.send("c1", "m1", "hello there")
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Drain(ctx), context.Canceled)
	require.Equal(t, "hello there", b.title("c1"))
}
