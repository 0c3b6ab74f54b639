package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/secret"
	"twobrains/internal/stream/streamtest"
	"twobrains/internal/tenant"
)

// moneyBalanced compares the counters of the day with what was used on it and with the tickets of replies under way.
func (b *testBundle) moneyBalanced() {
	b.t.Helper()
	require.Zero(b.t, b.count(`SELECT count(*) FROM public.quota_counters q WHERE day_microusd <> (SELECT coalesce(sum(cost_microusd), 0)
		FROM public.usage_daily d WHERE d.user_id = q.user_id AND d.day = q.day AND key_source = 'platform')`), "money spent")
	require.Zero(b.t, b.count(`SELECT count(*) FROM public.quota_counters q WHERE day_reserved_microusd <> (SELECT coalesce(sum(reserved_microusd), 0)
		FROM public.run_tickets t WHERE t.reserved_on = q.day)`), "money reserved")
}

// exception sets limits of the bundle's user alone: column and value.
func (b *testBundle) exception(column string, value any) {
	b.t.Helper()
	b.exec("INSERT INTO public.user_plans (user_id, "+column+") VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET "+column+" = excluded."+column, b.user.ID(), value)
}

// talkative is a model of the test's provider with room for long answers, at 1 and 2 millionths of a dollar for a token; the other one
// costs nothing.
func talkative(o *completion.Options) {
	models, err := catalog.Load(catalog.Options{
		OpenAIModels: "test;tools;context=100000;output=10000;input=1000000;cached=500000;price_output=2000000,free;tools;context=100000;output=10000",
	})
	if err != nil {
		panic(err)
	}
	o.Catalog, o.Quota = models, completion.Quota{Day: 1000, Month: 1000}
}

// costs answers with a usage; of the output no more than the request allows.
func costs(input, output int64) func(context.Context, llm.Request, func(llm.Event, error) bool) {
	return func(_ context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		reason, used := llm.FinishStop, output
		if req.MaxOutputTokens > 0 && int64(req.MaxOutputTokens) < output {
			reason, used = llm.FinishLength, int64(req.MaxOutputTokens)
		}
		if yield(llm.TextDelta{Block: "0", Text: "An answer."}, nil) && yield(llm.Usage{Input: input, Output: used}, nil) {
			yield(llm.Finish{Reason: reason}, nil)
		}
	}
}

// limited sends a message that a quota stands in the way of, and returns when to try again.
func (b *testBundle) limited(conversation, id string, code problem.Code) time.Duration {
	b.t.Helper()
	_, err := b.Start(b.t.Context(), b.user, userText(conversation, id, "Hi."))
	require.True(b.t, problem.HasCode(err, code), "%v", err)
	return problem.From(err).RetryAfter
}

func TestPlansLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.Quota = completion.Quota{Day: 2, Month: 100} })
	b.send("c1", "m1", "no plan")
	b.exec("INSERT INTO public.plans (id, name, messages_per_day) VALUES ('one', 'One', 1), ('many', 'Many', 5)")
	b.exec("UPDATE public.plans SET is_default = true WHERE id = 'one'")
	b.limited("c1", "m2", problem.CodeQuotaDay)
	b.exec("INSERT INTO public.user_plans (user_id, plan_id) VALUES ($1, 'many')", b.user.ID())
	b.send("c1", "m2", "a plan of one's own, in the middle of the day")
	b.exception("messages_per_day", 2)
	b.limited("c1", "m3", problem.CodeQuotaDay)
	b.exception("messages_per_day", 0)
	b.limited("c1", "m3", problem.CodeQuotaDay)
	b.exception("messages_per_day", 100)
	b.send("c1", "m3", "the exception beats the plan")
	b.exec("DELETE FROM public.user_plans")
	b.exec("UPDATE public.plans SET messages_per_day = NULL, messages_per_month = NULL WHERE id = 'one'")
	b.send("c1", "m4", "no limit")
	b.exec("UPDATE public.plans SET messages_per_month = 4 WHERE id = 'one'")
	b.limited("c1", "m5", problem.CodeQuotaMonth)
	b.exec("DELETE FROM public.plans")
	b.limited("c1", "m5", problem.CodeQuotaDay)
	b.balanced()
}

func TestModelsOfThePlan(t *testing.T) {
	t.Parallel()
	b, own := withOwnKeys(t, talkative)
	b.exception("models", []string{"openai:free"})
	require.NoError(t, b.sendWith("c1", "m1", "", "the default is not in the plan"))
	require.Equal(t, "free", b.provider.last(t).Model)
	require.True(t, problem.HasCode(b.sendWith("c1", "m2", "openai:test", "named"), problem.CodeModelUnavailable))
	lacks := func() map[string]completion.Lack {
		models, err := b.Models(t.Context(), b.user)
		require.NoError(t, err)
		of := map[string]completion.Lack{}
		for _, m := range models {
			of[m.ID] = m.Lack
			require.Equal(t, m.ID == "openai:free" && of[m.ID] == "" && len(own.made) == 0, m.Chosen && len(own.made) == 0, m.ID)
		}
		return of
	}
	require.Equal(t, completion.LackPlan, lacks()["openai:test"])
	require.Empty(t, lacks()["openai:free"])
	own.put(b, "openai", "sk-own-canary-7")
	require.NoError(t, b.sendWith("c1", "m2", "openai:test", "with a key of one's own"))
	require.Len(t, own.made, 1)
}

// The reply is told to be as short as the money is, and the next one is refused.
func TestCeilingShortensAndRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	b.provider.say(costs(5, 9_000))
	b.exception("cost_per_day_microusd", 30_000)
	m := b.send("c1", "m1", "Hi.")
	require.Zero(t, b.provider.last(t).MaxOutputTokens, "what it may come to is reserved")
	require.NotContains(t, m.Metadata, "warnings")
	require.Equal(t, 18_005, b.count("SELECT day_microusd FROM public.quota_counters"))
	m = b.send("c1", "m2", "Hi.")
	limit := b.provider.last(t).MaxOutputTokens
	require.Greater(t, limit, 1_000)
	require.Less(t, limit, 10_000)
	require.Contains(t, fmt.Sprint(m.Metadata["warnings"]), "quota_cost")
	require.LessOrEqual(t, b.count("SELECT day_microusd FROM public.quota_counters"), 30_000)
	again := b.limited("c1", "m3", problem.CodeQuotaCost)
	require.Greater(t, again, time.Duration(0))
	require.Equal(t, 2, b.count("SELECT day_used FROM public.quota_counters"), "all or nothing")
	require.NoError(t, b.sendWith("c1", "m3", "openai:free", "what costs nothing is not refused"))
	b.balanced()
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.usage_events WHERE outcome = 'quota_cost'"))
}

func TestCeilingOfNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	b.exception("cost_per_day_microusd", 0)
	b.limited("c1", "m1", problem.CodeQuotaCost)
	require.NoError(t, b.sendWith("c1", "m1", "openai:free", "Hi."))
	b.limited("c1", "m2", problem.CodeQuotaCost)
	b.exec("UPDATE public.user_plans SET cost_per_day_microusd = NULL")
	b.send("c1", "m2", "without a ceiling")
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.quota_counters WHERE day_microusd > 0 AND day_reserved_microusd = 0"))
	b.exception("cost_per_day_microusd", 1)
	b.limited("c1", "m3", problem.CodeQuotaCost)
	b.balanced()
}

func TestOwnKeysAreFree(t *testing.T) {
	t.Parallel()
	b, own := withOwnKeys(t, talkative)
	own.put(b, "openai", "sk-own-canary-8")
	b.exec("INSERT INTO public.user_plans (user_id, messages_per_day, cost_per_day_microusd, tokens_per_minute, models) VALUES ($1, 0, 0, 1, '{}')", b.user.ID())
	for i := range 3 {
		b.send("c1", fmt.Sprint("m", i), "Hi.")
	}
	require.Zero(t, b.count("SELECT count(*) FROM public.quota_counters"))
	b.balanced()
}

// Tools make a reply longer than what was reserved for its first step: more is reserved, until there is no more.
func TestStepsReserveMore(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	b.provider.say(func(_ context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		id := fmt.Sprint("call", len(req.Messages))
		if yield(llm.TextDelta{Block: id, Text: "Let me see."}, nil) && yield(llm.ToolCall{ID: id, Name: "double", Input: json.RawMessage(`{"n":21}`)}, nil) &&
			yield(llm.Usage{Input: 1_000, Output: 9_000}, nil) {
			yield(llm.Finish{Reason: llm.FinishToolCalls}, nil)
		}
	})
	b.send("c1", "m1", "no ceiling")
	require.Equal(t, 95_000, b.count("SELECT day_microusd FROM public.quota_counters"))
	b.exception("cost_per_day_microusd", 95_000+62_000)
	m := b.send("c2", "m2", "a ceiling for three steps")
	require.Equal(t, "interrupted", m.Metadata["status"])
	require.Equal(t, "quota_cost", m.Metadata["errorCode"])
	require.Contains(t, fmt.Sprint(m.Metadata["notices"]), "budget")
	require.Equal(t, "interrupted", b.messages("c2")[1].Status)
	require.Greater(t, b.count("SELECT day_microusd FROM public.quota_counters"), 95_000+2*19_000)
	b.balanced()
}

// A reply under way holds what it may come to; the refusal says that it is worth while to try again.
func TestRepliesUnderWayHoldMoney(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	release := make(chan struct{})
	b.provider.say(held(release))
	b.exception("cost_per_day_microusd", 25_000)
	f, err := b.Start(t.Context(), b.user, userText("c1", "m1", "Hi."))
	require.NoError(t, err)
	require.Greater(t, b.count("SELECT day_reserved_microusd FROM public.quota_counters"), 20_000)
	again := b.limited("c2", "m2", problem.CodeQuotaCost)
	require.LessOrEqual(t, again, time.Minute)
	b.moneyBalanced()
	close(release)
	read(t, f)
	b.send("c2", "m2", "Hi.")
	b.balanced()
}

// Many at once, over two replicas, of which many end otherwise than well: what is spent and reserved never exceeds the ceiling, and in the
// end the books agree to the last millionth.
func TestMoneyUnderParallelSends(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	const ceiling = 200_000
	b.exception("cost_per_day_microusd", ceiling)
	b.provider.say(func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		switch n := rand.IntN(6); n {
		case 0:
			yield(nil, llm.NewError(llm.Overloaded, errors.New("overloaded")))
		case 1:
			if yield(llm.TextDelta{Block: "0", Text: "half"}, nil) {
				yield(nil, llm.NewError(llm.Interrupted, errors.New("broken")))
			}
		case 2: // without a usage
			if yield(llm.TextDelta{Block: "0", Text: "whole"}, nil) {
				yield(llm.Finish{Reason: llm.FinishStop}, nil)
			}
		case 3: // more steps than were reserved for
			id := uuid.NewString()
			if yield(llm.TextDelta{Block: id, Text: "Let me see."}, nil) && yield(llm.ToolCall{ID: id, Name: "double", Input: json.RawMessage(`{"n":21}`)}, nil) &&
				yield(llm.Usage{Input: 50, Output: int64(min(6_000, max(req.MaxOutputTokens, 1_000)))}, nil) {
				yield(llm.Finish{Reason: llm.FinishToolCalls}, nil)
			}
		default:
			costs(int64(rand.IntN(300)), int64(rand.IntN(6_000)))(ctx, req, yield)
		}
	})
	one := b.Service
	before := b.options
	b.options.DB, b.options.InstanceID = b.Kernel(t, func(o *tenant.Options) { // as behind a pooler
		o.URL = secret.New(o.URL.Reveal() + "&default_query_exec_mode=exec")
	}), uuid.New()
	replicas := []*completion.Service{one, b.newService()}
	b.options = before
	done := make(chan struct{})
	var watch, work sync.WaitGroup
	watch.Go(func() {
		for over := 0; ; {
			if err := b.Superuser(t).QueryRow(t.Context(), "SELECT count(*) FROM public.quota_counters WHERE day_microusd + day_reserved_microusd > $1", ceiling).Scan(&over); err != nil || over > 0 {
				t.Errorf("over the ceiling: %d, %v", over, err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var mu sync.Mutex
	passed, refused := 0, 0
	for i := range 60 {
		work.Go(func() {
			f, err := replicas[i%2].Start(t.Context(), b.user, userText(fmt.Sprint("p", i), fmt.Sprint("m", i), "race"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused++
				if !problem.HasCode(err, problem.CodeQuotaCost) || problem.From(err).RetryAfter <= 0 {
					t.Errorf("refused with: %v", err)
				}
				return
			}
			passed++
			if i%7 == 0 {
				if _, err := replicas[i%2].Stop(t.Context(), b.user, fmt.Sprint("p", i)); err != nil {
					t.Error(err)
				}
			}
			f.Close()
		})
	}
	work.Wait()
	for _, s := range replicas {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, s.Drain(ctx))
		cancel()
	}
	close(done)
	watch.Wait()
	require.Greater(t, passed, 7, "what the ceiling pays for at once")
	require.Zero(t, b.count("SELECT day_reserved_microusd FROM public.quota_counters"))
	b.moneyBalanced()
	t.Logf("%d passed, %d were refused, %d millionths spent", passed, refused, b.count("SELECT day_microusd FROM public.quota_counters"))
}

// A process dies with money reserved: whoever settles its run releases that, once.
func TestDeadRunReleasesItsMoney(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	b.exception("cost_per_day_microusd", 60_000)
	b.exception("tokens_per_minute", 1_000_000)
	shared := prefix()
	one, two, three := b.process(shared), b.process(shared), b.process(shared)
	release := make(chan struct{})
	b.provider.say(held(release))
	f := b.begin(one.Service, "c1", "m1")
	require.NoError(t, one.store.Flush(t.Context()))
	b.moneyBalanced()
	one.dies()
	var sweeps sync.WaitGroup
	for _, p := range []*process{two, three} {
		sweeps.Go(func() {
			if err := p.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	sweeps.Wait()
	require.Zero(t, b.count("SELECT day_reserved_microusd FROM public.quota_counters"))
	require.Positive(t, b.count("SELECT day_microusd FROM public.quota_counters"), "what was said is paid for")
	b.balanced()
	close(release) // it was only taken for dead, and stores the whole
	f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, one.Drain(ctx))
	require.Contains(t, b.messages("c1")[1].Parts, "and on")
	b.balanced()
}

// The day changes under a reply: nothing of it is released or counted in the new one.
func TestMidnightUnderAReply(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	clock := &testClock{now: time.Date(2026, 5, 31, 23, 59, 30, 0, time.UTC)}
	b.options.Clock = clock.Now
	b.Service = b.newService()
	b.exception("cost_per_day_microusd", 30_000)
	release := make(chan struct{})
	b.provider.say(held(release))
	f := b.begin(b.Service, "c1", "m1")
	clock.advance(time.Minute)
	b.provider.say(costs(100, 3_000))
	b.send("c2", "m2", "in the new day, and month")
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.quota_counters WHERE day = '2026-06-01' AND day_used = 1 AND month_used = 1 AND day_microusd = 6100 AND day_reserved_microusd = 0"))
	close(release)
	_, _ = all(t, f)
	b.drained()
	require.Equal(t, 6_100, b.count("SELECT day_microusd FROM public.quota_counters"))
	require.Equal(t, 2, b.count("SELECT count(*) FROM public.usage_daily"))
	b.moneyBalanced()
}

func TestTokensOfTheMinute(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	clock := &testClock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	b.options.Clock = clock.Now
	b.Service = b.newService()
	b.exception("tokens_per_minute", 1_000)
	b.provider.say(costs(500, 1_500))
	b.send("c1", "m1", "Hi.")
	again := b.limited("c1", "m2", problem.CodeQuotaTokens)
	require.InDelta(t, time.Minute, again, float64(5*time.Second), "2,000 tokens make a debt of one minute beyond the allowance")
	clock.advance(again)
	b.send("c1", "m2", "Hi.")
	clock.advance(time.Hour)
	b.exception("tokens_per_minute", 1)
	b.send("c1", "m3", "more than the allowance passes where nothing is owed")
	b.limited("c1", "m4", problem.CodeQuotaTokens)
	b.exec("UPDATE public.user_plans SET tokens_per_minute = NULL")
	b.send("c1", "m4", "no limit")
	require.Equal(t, 2, b.count("SELECT count(*) FROM public.usage_events WHERE outcome = 'quota_tokens'"))
	b.balanced()
}

func TestWarnsAtFourFifths(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.Quota = completion.Quota{Day: 5, Month: 500} })
	var m *streamtest.Message
	for i := range 4 {
		require.True(t, m == nil || m.Metadata["warnings"] == nil)
		m = b.send("c1", fmt.Sprint("m", i), "Hi.")
	}
	warnings, _ := m.Metadata["warnings"].([]any)
	require.Len(t, warnings, 1)
	warning, _ := warnings[0].(map[string]any)
	require.Equal(t, "quota_day", warning["code"])
	require.EqualValues(t, 4, warning["used"])
	require.EqualValues(t, 5, warning["limit"])
	require.Contains(t, warning["resetsAt"], "T00:00:00Z")
}
