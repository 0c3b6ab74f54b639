package localstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Scripts of tools/postgres, the files that the containers give to psql.
const (
	// bootstrapScript makes the roles and databases.
	bootstrapScript = "bootstrap.sql"
	// mailsScript makes the login that removes mails from Kratos's database, once that has its tables.
	mailsScript = "mails.sql"
)

// script runs one of them.
func (pg *Postgres) script(ctx context.Context, checkout, name string) error {
	text, err := os.ReadFile(filepath.Join(checkout, "tools", "postgres", name))
	if err != nil {
		return fmt.Errorf("read script: %w", err)
	}
	script := strings.NewReplacer(
		":'owner_password'", quoteLiteral(pg.owner),
		":'kratos_password'", quoteLiteral(pg.kratos),
		":'mails_password'", quoteLiteral(pg.mails),
	).Replace(string(text))

	conn, err := pgx.Connect(ctx, pg.SuperuserURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to run %s: %w", name, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, step := range parseScript(script) {
		switch {
		case step.connect != "":
			next, err := pgx.Connect(ctx, pg.SuperuserURL(step.connect))
			if err != nil {
				return fmt.Errorf("connect to %s: %w", step.connect, err)
			}
			_ = conn.Close(ctx)
			conn = next
		case step.gexec:
			rows, err := conn.Query(ctx, step.sql)
			if err != nil {
				return fmt.Errorf("run %s: %w", name, err)
			}
			statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return fmt.Errorf("run %s: %w", name, err)
			}
			for _, statement := range statements {
				if _, err := conn.Exec(ctx, statement); err != nil {
					return errors.New("run " + name + ": " + err.Error())
				}
			}
		default:
			if _, err := conn.Exec(ctx, step.sql); err != nil {
				return fmt.Errorf("run %s: %w", name, err)
			}
		}
	}
	return nil
}

// scriptStep is one step of a psql script: a statement, a query whose results are statements, or a change of database.
type scriptStep struct {
	sql     string
	gexec   bool
	connect string
}

// parseScript splits a psql script of the simple kind that these are: a statement ends with a line's last
// semicolon or with \gexec on a line of its own.
func parseScript(script string) []scriptStep {
	var steps []scriptStep
	var statement []string
	flush := func(gexec bool) {
		if sql := strings.TrimSpace(strings.Join(statement, "\n")); sql != "" {
			steps = append(steps, scriptStep{sql: sql, gexec: gexec})
		}
		statement = nil
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "--"):
		case line == `\gexec`:
			flush(true)
		case strings.HasPrefix(line, `\connect `):
			steps = append(steps, scriptStep{connect: strings.TrimPrefix(line, `\connect `)})
		default:
			statement = append(statement, line)
			if strings.HasSuffix(line, ";") {
				flush(false)
			}
		}
	}
	flush(false)
	return steps
}

func quoteLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
