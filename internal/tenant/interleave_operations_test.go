package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/tenant"
)

// operations are what may happen, each with its share. What ends a connection is rare, because making the next one is most
// of what such a test would do then.
func (w *interleaving) operations() []*operation {
	return []*operation{
		{name: "read", weight: 400, run: w.read},
		{name: "append", weight: 300, run: w.append},
		{name: "settings", weight: 100, run: w.settings},
		{name: "fail", weight: 60, run: w.fail},
		{name: "cancelled", weight: 30, run: w.cancelled},
		{name: "panic", weight: 30, run: w.panics},
		{name: "unbound", weight: 30, run: w.unbound},
		{name: "forget", weight: 30, run: w.forget},
		{name: "swallow", weight: 20, run: w.swallow},
		{name: "clear", weight: 15, run: w.clear},
		{name: "leftover", weight: 10, run: w.leftover},
		{name: "timeout", weight: 5, run: w.timeout},
		{name: "schema", weight: 4, run: w.changeSchema},
		{name: "kill", weight: 3, run: w.kill},
		{name: "cut", weight: 3, run: w.cut},
	}
}

var errDeliberate = errors.New("deliberate")

// fetch runs one statement that returns rows of the private brain.
func (w *interleaving) fetch(ctx context.Context, db *tenant.DB, a *actor, sql string) (met []conversation, err error) {
	err = w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		rows, err := tx.Query(ctx, sql)
		if err != nil {
			return err
		}
		met, err = pgx.CollectRows(rows, pgx.RowToStructByPos[conversation])
		return err
	})
	return met, err
}

func (w *interleaving) read(ctx context.Context, db *tenant.DB, a *actor) error {
	met, err := w.fetch(ctx, db, a, "SELECT id, title FROM conversations")
	if err != nil {
		return w.tolerate(err)
	}
	return a.see(met)
}

// clear deletes without a condition: the user's rows and no others. It keeps the tables small, too.
func (w *interleaving) clear(ctx context.Context, db *tenant.DB, a *actor) error {
	met, err := w.fetch(ctx, db, a, "DELETE FROM conversations RETURNING id, title")
	if err != nil {
		a.wary = time.Now().Add(lateness)
		return w.tolerate(err)
	}
	if err := a.see(met); err != nil {
		return err
	}
	clear(a.certain)
	return nil
}

func (w *interleaving) append(ctx context.Context, db *tenant.DB, a *actor) error {
	var id uuid.UUID
	attempt := 0
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		attempt++
		id = insert(ctx, a, tx, fmt.Sprintf("append, attempt %d", attempt))
		return nil
	})
	if err != nil {
		a.possible[id] = true
		return w.tolerate(err)
	}
	a.certain[id] = true
	return nil
}

// insert queues a new row, whose id tells it from all others.
func insert(ctx context.Context, a *actor, tx *tenant.Tx, origin string) uuid.UUID {
	id := uuid.New()
	a.origin[id] = origin
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		_, err := db.Exec(ctx, "INSERT INTO conversations (id, title) VALUES ($1, $2)", id, a.schema)
		return err
	})
	return id
}

// settings writes and reads a public row without naming the user.
func (w *interleaving) settings(ctx context.Context, db *tenant.DB, a *actor) error {
	var seen []string
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			_, err := db.Exec(ctx, `INSERT INTO public.user_settings (user_id, custom_instructions) SELECT user_id, schema_name FROM public.tenants
				ON CONFLICT (user_id) DO UPDATE SET custom_instructions = excluded.custom_instructions`)
			return err
		})
		rows, err := tx.Query(ctx, "SELECT custom_instructions FROM public.user_settings")
		if err != nil {
			return err
		}
		seen, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return w.tolerate(err)
	}
	if len(seen) != 1 || seen[0] != a.schema {
		return fmt.Errorf("settings seen: %v", seen)
	}
	return nil
}

func (w *interleaving) fail(ctx context.Context, db *tenant.DB, a *actor) error {
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		insert(ctx, a, tx, "fail")
		tenant.QueueExec(tx, func(db tenant.DBTX) error { _, err := db.Exec(ctx, "SELECT 1/0"); return err })
		return nil
	})
	if err == nil {
		return errors.New("a failing unit of work succeeded")
	}
	return nil
}

func (w *interleaving) swallow(ctx context.Context, db *tenant.DB, a *actor) error {
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		insert(ctx, a, tx, "swallow")
		_, _ = tx.Exec(ctx, "SELECT 1/0")
		return nil
	})
	if err == nil {
		return errors.New("a swallowed failure was committed")
	}
	return nil
}

func (w *interleaving) panics(ctx context.Context, db *tenant.DB, a *actor) (err error) {
	panicked := func() (panicked bool) {
		defer func() { panicked = recover() != nil }()
		err = w.unit(ctx, db, a, func(tx *tenant.Tx) error {
			insert(ctx, a, tx, "panic")
			if err := tx.Flush(); err != nil {
				return err
			}
			panic("deliberate")
		})
		return false
	}()
	switch {
	case panicked:
		return nil
	case err == nil:
		return errors.New("the panic was swallowed")
	}
	return w.tolerate(err)
}

func (w *interleaving) timeout(ctx context.Context, db *tenant.DB, a *actor) error {
	brain, err := db.Open(ctx, a.user)
	if err != nil {
		return w.tolerate(err)
	}
	short, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
	defer cancel()
	err = brain.Tx(short, func(tx *tenant.Tx) error {
		insert(short, a, tx, "timeout")
		_, err := tx.Exec(short, "SELECT pg_sleep(5)")
		return err
	})
	if err == nil {
		return errors.New("outlived its deadline")
	}
	return nil
}

func (w *interleaving) cancelled(ctx context.Context, db *tenant.DB, a *actor) error {
	brain, err := db.Open(ctx, a.user)
	if err != nil {
		return w.tolerate(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	err = brain.Tx(cancelled, func(tx *tenant.Tx) error {
		insert(cancelled, a, tx, "cancelled")
		cancel()
		return errDeliberate
	})
	cancel()
	if err == nil {
		return errors.New("a unit of work that gave up was committed")
	}
	return nil
}

// unbound looks for a binding that was left behind.
func (w *interleaving) unbound(ctx context.Context, db *tenant.DB, _ *actor) error {
	var key *string
	var path string
	var visible int
	err := db.Public(ctx, func(tx *tenant.Tx) error {
		return tx.QueryRow(ctx, `SELECT current_setting('twobrains.key', true), current_setting('search_path'),
			(SELECT count(*) FROM conversations) + (SELECT count(*) FROM public.user_settings)`).Scan(&key, &path, &visible)
	})
	if err != nil {
		return w.tolerate(err)
	}
	if (key != nil && *key != "") || path != "brain_template, pg_temp" || visible != 0 {
		return fmt.Errorf("a binding is left: path %q, %d rows visible", path, visible)
	}
	return nil
}

func (w *interleaving) forget(_ context.Context, db *tenant.DB, a *actor) error {
	db.Forget(a.user)
	return nil
}

// kill ends a connection at the server's side.
func (w *interleaving) kill(ctx context.Context, _ *tenant.DB, _ *actor) error {
	return w.super.exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = 'twobrains_app' AND datname = $1 ORDER BY random() LIMIT 1`, w.Name)
}

// cut ends a connection at the client's side, whatever it is doing.
func (w *interleaving) cut(context.Context, *tenant.DB, *actor) error {
	w.sockets.cut()
	return nil
}

// changeSchema changes the columns of the user's table, behind the back of every prepared plan.
func (w *interleaving) changeSchema(ctx context.Context, _ *tenant.DB, a *actor) error {
	a.columns++
	sql := fmt.Sprintf("ALTER TABLE %s.conversations ADD COLUMN extra%d text", a.schema, a.columns)
	if a.columns > 3 {
		sql = fmt.Sprintf("ALTER TABLE %[1]s.conversations ALTER COLUMN title TYPE varchar(%[2]d), DROP COLUMN IF EXISTS extra1", a.schema, 200+a.columns)
	}
	err := w.super.exec(ctx, sql)
	if tenant.HasState(err, "42P01") || tenant.HasState(err, "3F000") {
		a.columns--
		return nil // not provisioned yet
	}
	return err
}

// leftKey is what a mistake leaves on a connection.
const leftKey = "left over"

// leftover is what code with a mistake may leave on a connection: settings for the session instead of the transaction.
func (w *interleaving) leftover(ctx context.Context, db *tenant.DB, a *actor) error {
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, "SELECT set_config('twobrains.key', $1, false), set_config('row_security', 'off', false)", leftKey)
		return err
	})
	return w.tolerate(err)
}
