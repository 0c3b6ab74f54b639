package tenant

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Description of private brains: all are made like the template.
type Description struct {
	// Tables in the order of their names.
	Tables []DescribedTable
	// Functions are the names of all of Postgres's own.
	Functions []string
}

// DescribedTable is a table of a private brain.
type DescribedTable struct {
	Name    string
	Columns []DescribedColumn
}

// DescribedColumn is a column, its type as Postgres writes it.
type DescribedColumn struct {
	Name, Type string
	Nullable   bool
}

// Describe reads what a private brain is made of. It opens none: the template tells.
func (db *DB) Describe(ctx context.Context) (Description, error) {
	conn, err := db.owners.Acquire(ctx)
	if err != nil {
		return Description{}, db.publicError(fmt.Errorf("connect as owner: %w", err))
	}
	defer conn.Release()
	d, err := describe(ctx, conn.Conn())
	if err != nil {
		return Description{}, db.publicError(fmt.Errorf("describe private brains: %w", err))
	}
	return d, nil
}

func describe(ctx context.Context, conn *pgx.Conn) (d Description, err error) {
	rows, err := conn.Query(ctx, sqlDescribeTemplate)
	if err != nil {
		return d, err
	}
	var table string
	var column DescribedColumn
	_, err = pgx.ForEachRow(rows, []any{&table, &column.Name, &column.Type, &column.Nullable}, func() error {
		if n := len(d.Tables); n == 0 || d.Tables[n-1].Name != table {
			d.Tables = append(d.Tables, DescribedTable{Name: table})
		}
		last := &d.Tables[len(d.Tables)-1]
		last.Columns = append(last.Columns, column)
		return nil
	})
	if err != nil {
		return d, err
	}
	if rows, err = conn.Query(ctx, sqlFunctionNames); err != nil {
		return d, err
	}
	d.Functions, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return d, err
}
