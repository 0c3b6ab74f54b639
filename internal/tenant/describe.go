package tenant

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Description is what SQL can be about: private brains, which are all made like the template, or the public one.
type Description struct {
	// Tables in the order of their names.
	Tables []DescribedTable
	// Functions are the names of all of Postgres's own.
	Functions []string
	// Qualified are functions of the product, by their whole names.
	Qualified []string
}

// DescribedTable is a table or view; the name of one that is not found without its schema begins with that. Private brains have no
// comments in them.
type DescribedTable struct {
	Name    string
	Comment string
	Columns []DescribedColumn
}

// DescribedColumn is a column, its type as Postgres writes it.
type DescribedColumn struct {
	Name, Type string
	Nullable   bool
	Comment    string
}

// Describe reads what a private brain is made of. It opens none: the template tells.
func (db *DB) Describe(ctx context.Context) (Description, error) {
	conn, err := db.owners.Acquire(ctx)
	if err != nil {
		return Description{}, db.publicError(fmt.Errorf("connect as owner: %w", err))
	}
	defer conn.Release()
	d, err := describe(ctx, conn, sqlDescribeTemplate)
	if err != nil {
		return Description{}, db.publicError(fmt.Errorf("describe private brains: %w", err))
	}
	return d, nil
}

func describe(ctx context.Context, conn DBTX, columns string) (d Description, err error) {
	rows, err := conn.Query(ctx, columns)
	if err != nil {
		return d, err
	}
	var table DescribedTable
	var column DescribedColumn
	_, err = pgx.ForEachRow(rows, []any{&table.Name, &table.Comment, &column.Name, &column.Type, &column.Nullable, &column.Comment}, func() error {
		if n := len(d.Tables); n == 0 || d.Tables[n-1].Name != table.Name {
			d.Tables = append(d.Tables, table)
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
