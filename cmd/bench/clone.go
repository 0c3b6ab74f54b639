package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/secret"
	"twobrains/tern"
)

//go:embed clone.sql
var cloneSQL string

// cloner makes private brains by the thousand: the product's own migrations as one script a brain, with the seals and
// grants that the kernel put on the first one. Only so are sizes reached that provisioning one by one would take an hour
// for; the kernel opens them like any other.
type cloner struct {
	url    string
	key    secret.MasterKey
	ddl    string
	tables []clonedTable
	// pattern is the hash in the seals of the brain that is copied.
	pattern string
	version int32
	// messages are in the conversation of a filled brain.
	messages int
}

type clonedTable struct {
	Name       string
	Sealed     bool
	Condition  *string
	Privileges *string
}

func schemaOf(id uuid.UUID) string { return "u_" + hex.EncodeToString(id[:]) }

func (c *cloner) lock(schema string) string {
	sum := sha256.Sum256([]byte(hex.EncodeToString(c.key.Derive("key", schema))))
	return hex.EncodeToString(sum[:])
}

// newCloner looks at the brain of a user whom the kernel has provisioned.
func newCloner(ctx context.Context, ownerURL string, keys *secret.KeyRing, user uuid.UUID) (*cloner, error) {
	c := &cloner{url: ownerURL, key: keys.Primary(), messages: messagesEach}
	c.pattern = c.lock(schemaOf(user))
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, cloneSQL, schemaOf(user))
	if err != nil {
		return nil, fmt.Errorf("look at pattern: %w", err)
	}
	if c.tables, err = pgx.CollectRows(rows, pgx.RowToStructByName[clonedTable]); err != nil {
		return nil, fmt.Errorf("look at pattern: %w", err)
	}
	if c.ddl, c.version, err = migrationText(tern.Tenant()); err != nil {
		return nil, err
	}
	for _, t := range c.tables {
		if !t.Sealed || t.Condition == nil || !strings.Contains(*t.Condition, c.pattern) || t.Privileges == nil {
			return nil, fmt.Errorf("table %s of the pattern is not sealed as expected", t.Name)
		}
	}
	if len(c.tables) == 0 {
		return nil, errors.New("the pattern has no tables")
	}
	return c, nil
}

// migrationText joins the upward halves of migrations.
func migrationText(migrations fs.FS) (text string, version int32, err error) {
	files, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return "", 0, fmt.Errorf("list migrations: %w", err)
	}
	var joined strings.Builder
	for _, file := range files {
		content, err := fs.ReadFile(migrations, file)
		if err != nil {
			return "", 0, fmt.Errorf("read migration: %w", err)
		}
		up, _, _ := bytes.Cut(content, []byte("---- create above"))
		joined.Write(up)
		joined.WriteString(";\n")
		version++
	}
	return joined.String(), version, nil
}

// script makes one brain, filled with a conversation if asked to.
func (c *cloner) script(w *strings.Builder, id uuid.UUID, filled bool) {
	schema := schemaOf(id)
	lock := c.lock(schema)
	fmt.Fprintf(w, "CREATE SCHEMA %[1]s;\nGRANT USAGE ON SCHEMA %[1]s TO twobrains_app, twobrains_console;\nSET LOCAL search_path = %[1]s;\n%[2]s\n"+
		"CREATE TABLE schema_version (version int4 NOT NULL);\nINSERT INTO schema_version VALUES (%[3]d);\n", schema, c.ddl, c.version)
	for _, t := range c.tables {
		fmt.Fprintf(w, "ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY;\nCREATE POLICY seal ON %[1]s USING (%[2]s);\nGRANT %[3]s ON %[1]s TO twobrains_app;\nGRANT SELECT ON %[1]s TO twobrains_console;\n",
			t.Name, strings.ReplaceAll(*t.Condition, c.pattern, lock), *t.Privileges)
	}
	fmt.Fprintf(w, "INSERT INTO public.tenants (user_id, schema_name, lock, key_id, version, migrated_at) VALUES ('%s', '%s', '\\x%s', '%s', %d, now());\n",
		id, schema, lock, c.key.ID(), c.version)
	if filled {
		fmt.Fprintf(w, "INSERT INTO conversations (id, title, last_seq) VALUES ('c', 'A conversation', %[1]d);\n"+
			"INSERT INTO messages (id, conversation_id, seq, role, parts, status, size) SELECT 'm' || s, 'c', s, "+
			"CASE WHEN s %% 2 = 1 THEN 'user' ELSE 'assistant' END, '%[2]s', 'complete', 300 FROM generate_series(1, %[1]d) s;\n",
			c.messages, body)
	}
}

// Brains per transaction, and per connection: a backend that has made many is slow with all of them in its caches.
const clonesPerScript, clonesPerConn = 10, 400

// make makes the brains of users, those below filled with data.
func (c *cloner) make(ctx context.Context, users []uuid.UUID, filled func(i int) bool) error {
	chunks := (len(users) + clonesPerConn - 1) / clonesPerConn
	return each(ctx, 2, chunks, func(ctx context.Context, chunk int) error {
		conn, err := pgx.Connect(ctx, c.url)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		defer func() { _ = conn.Close(ctx) }()
		end := min((chunk+1)*clonesPerConn, len(users))
		for i := chunk * clonesPerConn; i < end; {
			var script strings.Builder
			script.WriteString("BEGIN;\n")
			for n := 0; n < clonesPerScript && i < end; n++ {
				c.script(&script, users[i], filled(i))
				i++
			}
			script.WriteString("COMMIT;\n")
			if _, err := conn.PgConn().Exec(ctx, script.String()).ReadAll(); err != nil {
				return fmt.Errorf("clone brains: %w", err)
			}
		}
		return nil
	})
}
