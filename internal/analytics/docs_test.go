package analytics_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// page is where queries stand with what they say. UPDATE_DOCS=1 writes the latter.
const page = "../../docs/analytics.md"

// story is eight weeks of twelve users, the same at every run.
func (b *bundle) story() {
	b.t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	begin := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var events []event
	for i := range 12 {
		signed := begin.AddDate(0, 0, 4*i).Add(9 * time.Hour)
		user := b.signUp(fmt.Sprint("person ", i), signed.Format(time.RFC3339))
		last := begin.AddDate(0, 0, 60)
		if i%3 == 1 { // some go away again
			last = signed.AddDate(0, 0, 5+3*i)
		}
		for at := signed; at.Before(last); at = at.AddDate(0, 0, 1+r.IntN(2+3*(i%4))) {
			for n := range 1 + r.IntN(4) {
				e := event{
					user: user, at: at.Add(time.Duration(n*37+r.IntN(600)) * time.Minute).Format(time.RFC3339), model: []string{"anthropic:opus", "openai:mini"}[(i+n)%2],
					outcome: "complete", messages: 1, input: 200 + r.Int64N(3000), output: 20 + r.Int64N(700), firstToken: 200 + r.Int64N(1200),
				}
				e.cost = e.input*2 + e.output*10
				if i%6 == 5 {
					e.key = "own"
				}
				switch r.IntN(30) {
				case 0:
					e.outcome, e.messages, e.input, e.output, e.cost, e.firstToken = "failed", 0, 0, 0, 0, 0
				case 1:
					e.outcome = "interrupted"
				case 2:
					e.outcome = "aborted"
				case 3:
					if e.key == "" {
						e.outcome, e.messages, e.input, e.output, e.cost, e.firstToken = "quota_day", 0, 0, 0, 0, 0
					}
				}
				events = append(events, e)
			}
		}
	}
	b.add(events...)
	b.exec("INSERT INTO public.deletions (id, digest, requested_by, requested_at, step) VALUES ($1, sha256('x'), 'user', '2026-04-20T10:00:00Z', 'runs')", uuid.New())
	b.fold()
}

// table writes a result as psql does.
func (b *bundle) table(sql string) string {
	b.t.Helper()
	// All columns as text, as psql shows them.
	results, err := b.analyst.PgConn().Exec(b.t.Context(), sql).ReadAll()
	require.NoError(b.t, err, sql)
	require.Len(b.t, results, 1)
	var lines [][]string
	var head []string
	var right []bool
	for _, f := range results[0].FieldDescriptions {
		head = append(head, f.Name)
		kind, _ := b.analyst.TypeMap().TypeForOID(f.DataTypeOID)
		right = append(right, strings.HasPrefix(kind.Name, "int") || kind.Name == "numeric")
	}
	lines = append(lines, head)
	for _, row := range results[0].Rows {
		line := make([]string, len(row))
		for i, value := range row {
			line[i] = string(value)
		}
		lines = append(lines, line)
	}
	width := make([]int, len(head))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for n, line := range lines {
		cells := make([]string, len(line))
		for i, cell := range line {
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if right[i] && n > 0 {
				cells[i] = space + cell
			} else {
				cells[i] = cell + space
			}
		}
		fmt.Fprintln(&out, strings.TrimRight(" "+strings.Join(cells, " | "), " "))
		if n == 0 {
			for i, w := range width {
				cells[i] = strings.Repeat("-", w+2)
			}
			fmt.Fprintln(&out, strings.Join(cells, "+"))
		}
	}
	return out.String()
}

var worked = regexp.MustCompile("(?s)```sql\n(.*?)```\n\n```text\n(.*?)```")

func TestWorkedQueriesSayWhatThePageSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.story()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	n := 0
	made := worked.ReplaceAllStringFunc(string(text), func(block string) string {
		n++
		query := worked.FindStringSubmatch(block)[1]
		return "```sql\n" + query + "```\n\n```text\n" + b.table(query) + "```"
	})
	require.Equal(t, 10, n)
	if os.Getenv("UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(page, []byte(made), 0o644))
		text = []byte(made)
	}
	require.Equal(t, made, string(text), "run with UPDATE_DOCS=1 to write what queries say now")
	var undocumented []string
	rows, err := b.super.Query(t.Context(), `SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v' AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
		UNION SELECT proname FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace AND obj_description(oid) IS NULL`)
	require.NoError(t, err)
	undocumented, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, undocumented, "every view, column and function says what it is")
}
