package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// stored counts the replies that are in the private brains, whole, and the runs that are not settled. It looks from outside,
// as the superuser.
func (d *database) stored(ctx context.Context, ids []uuid.UUID, label string, chunks int) (whole, open int, err error) {
	conn, err := pgx.Connect(ctx, d.s.Postgres.SuperuserURL(d.name))
	if err != nil {
		return 0, 0, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	const batch = 100
	for from := 0; from < len(ids); from += batch {
		var sql strings.Builder
		sql.WriteString("SELECT coalesce(sum(whole), 0), coalesce(sum(open), 0) FROM (")
		for i, id := range ids[from:min(from+batch, len(ids))] {
			if i > 0 {
				sql.WriteString(" UNION ALL ")
			}
			schema := schemaOf(id)
			fmt.Fprintf(&sql, `SELECT count(*) FILTER (WHERE r.status = 'complete' AND m.status = 'complete'
    AND length(m.parts::text) - length(replace(m.parts::text, '#', '')) = %d) AS whole, count(*) FILTER (WHERE r.status = 'running') AS open
  FROM %s.runs r LEFT JOIN %s.messages m ON m.id = r.message_id WHERE r.user_message_id = '%s%d'`, chunks, schema, schema, label, from+i)
		}
		sql.WriteString(") s")
		var w, o int
		if err := conn.QueryRow(ctx, sql.String(), pgx.QueryExecModeSimpleProtocol).Scan(&w, &o); err != nil {
			return 0, 0, fmt.Errorf("count replies: %w", err)
		}
		whole, open = whole+w, open+o
	}
	return whole, open, nil
}
