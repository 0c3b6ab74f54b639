package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// readVersions reads what each schema says of itself, and decides which schemas are compared with the template: those that
// either side of the record holds to be at its version.
func (e *examination) readVersions(read versionReader) error {
	names := e.existing(false, func(b *examined) bool { return b.versioned })
	err := read(e.ctx, e.tx, names, func(schema string, v schemaVersions) { e.brains[schema].versions = v })
	if err != nil {
		return err
	}
	for _, schema := range e.existing(false, func(*examined) bool { return true }) {
		b := e.brains[schema]
		b.compared = b.Version == e.template || b.versioned && b.versions.rows == 1 && b.versions.max == e.template
	}
	return nil
}

// readVersionsApart reads on connections of its own, so that neither locks nor caches of all schemas add up.
func (db *DB) readVersionsApart(ctx context.Context, _ pgx.Tx, schemas []string, each func(string, schemaVersions)) error {
	for part := range slices.Chunk(schemas, versionsPerConn) {
		conn, err := db.connectOwnerWith(ctx, "pg_catalog", map[string]string{"lock_timeout": "5000", "jit": "off"})
		if err != nil {
			return err
		}
		err = readVersions(ctx, conn, part, each)
		_ = conn.Close(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
	}
	return nil
}

func readVersions(ctx context.Context, conn *pgx.Conn, schemas []string, each func(string, schemaVersions)) error {
	for batch := range slices.Chunk(schemas, versionBatch) {
		err := readVersionBatch(ctx, conn, batch, each)
		if err == nil {
			continue
		}
		// One of them is locked, gone or not tern's: it is told apart.
		for _, schema := range batch {
			if !isServerError(err) {
				return fmt.Errorf("read versions: %w", err)
			}
			if alone := readVersionBatch(ctx, conn, []string{schema}, each); alone != nil {
				if !isServerError(alone) {
					return fmt.Errorf("read versions: %w", alone)
				}
				each(schema, schemaVersions{err: alone})
			}
		}
	}
	return nil
}

func readVersionBatch(ctx context.Context, conn *pgx.Conn, schemas []string, each func(string, schemaVersions)) error {
	var sql strings.Builder
	for i, schema := range schemas {
		if i > 0 {
			sql.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&sql, "SELECT '%s', count(*), coalesce(min(version), 0), coalesce(max(version), 0) FROM %[1]s.%[2]s", schema, versionTable)
	}
	rows, err := conn.Query(ctx, sql.String(), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	var schema string
	var v schemaVersions
	_, err = pgx.ForEachRow(rows, []any{&schema, &v.rows, &v.min, &v.max}, func() error {
		each(schema, v)
		return nil
	})
	return err
}

func (e *examination) readStructure() error {
	for _, r := range e.extras {
		b := e.brains[r.Schema]
		if !b.compared {
			continue
		}
		kind, detail := FindExtraTable, "a table that the template has not"
		if !r.isTable() {
			kind, detail = FindUnexpectedObject, "a "+strings.ToLower(relationKinds[r.Kind])+" that the template has not"
		}
		e.differ(Finding{Schema: r.Schema, Kind: kind, Object: r.Name, Detail: detail,
			Next: "save what is in it if it is anybody's; then, as owner: DROP " + r.what(false)})
	}
	names := e.existing(false, func(b *examined) bool { return b.compared })
	if len(names) == 0 {
		return nil
	}
	for _, read := range []func([]string) error{e.readMissingTables, e.readColumns, e.readIndexes, e.readConstraints} {
		if err := read(names); err != nil {
			return fmt.Errorf("compare with template: %w", err)
		}
	}
	return nil
}

// differ adds a finding that says that a private brain is not like the template.
func (e *examination) differ(f Finding) {
	e.brains[f.Schema].differs = true
	e.add(f)
}

func (e *examination) readMissingTables(names []string) error {
	rows, err := e.tx.Query(e.ctx, sqlFleetMissingTables, names)
	if err != nil {
		return err
	}
	var schema, table string
	_, err = pgx.ForEachRow(rows, []any{&schema, &table}, func() error {
		e.differ(Finding{Schema: schema, Kind: FindMissingTable, Object: table, Detail: "the template has it; its content is lost",
			Next: "restore the table from a backup (pg_restore --schema " + schema + " --table " + table + "), then run repair; an empty one is not made by itself, so that the loss does not go unseen"})
		return nil
	})
	return err
}

func (e *examination) readColumns(names []string) error {
	rows, err := e.tx.Query(e.ctx, sqlFleetColumns, names)
	if err != nil {
		return err
	}
	var schema, table, column, wantType, hasType, wantDefault, hasDefault string
	var extra, missing, sameType, generated, wantNotNull, hasNotNull bool
	_, err = pgx.ForEachRow(rows, []any{&schema, &table, &column, &extra, &missing, &sameType, &generated, &wantNotNull, &hasNotNull,
		&wantType, &hasType, &wantDefault, &hasDefault}, func() error {
		alter, name := "ALTER TABLE "+quoted(schema, table), pgx.Identifier{column}.Sanitize()
		f := Finding{Schema: schema, Object: table + "." + column}
		want, has := columnText(wantType, wantDefault, wantNotNull), columnText(hasType, hasDefault, hasNotNull)
		switch {
		case extra:
			f.Kind, f.Detail = FindExtraColumn, has
			f.Next = "save what is in it if it is anybody's; then, as owner: " + alter + " DROP COLUMN " + name
		case missing:
			f.Kind, f.Detail = FindMissingColumn, "should be "+want+"; its content is lost"
			f.Next = "as owner: " + alter + " ADD COLUMN " + name + " " + want + "; then fill it from a backup"
		default:
			f.Kind, f.Detail = FindChangedColumn, fmt.Sprintf("is %s, should be %s", has, want)
			if sameType && !generated {
				f.mend = run(columnFixes(alter+" ALTER COLUMN "+name, wantDefault, hasDefault, wantNotNull, hasNotNull)...)
			} else {
				f.Next = "as owner, after a look at what is in it: " + alter + " ALTER COLUMN " + name + " TYPE " + wantType
			}
		}
		e.differ(f)
		return nil
	})
	return err
}

func columnText(typ, def string, notNull bool) string {
	if def != "" {
		typ += " DEFAULT " + def
	}
	if notNull {
		typ += " NOT NULL"
	}
	return typ
}

func columnFixes(alter, wantDefault, hasDefault string, wantNotNull, hasNotNull bool) (statements []string) {
	switch {
	case wantDefault == hasDefault:
	case wantDefault == "":
		statements = append(statements, alter+" DROP DEFAULT")
	default:
		statements = append(statements, alter+" SET DEFAULT "+wantDefault)
	}
	switch {
	case wantNotNull && !hasNotNull:
		statements = append(statements, alter+" SET NOT NULL")
	case hasNotNull && !wantNotNull:
		statements = append(statements, alter+" DROP NOT NULL")
	}
	return statements
}

func (e *examination) readIndexes(names []string) error {
	rows, err := e.tx.Query(e.ctx, sqlFleetIndexes, names)
	if err != nil {
		return err
	}
	var schema, table, index, want, has string
	var extra, missing, invalid, ofConstraint bool
	_, err = pgx.ForEachRow(rows, []any{&schema, &table, &index, &extra, &missing, &invalid, &ofConstraint, &want, &has}, func() error {
		name := quoted(schema, index)
		f := Finding{Schema: schema, Object: table + "." + index}
		switch {
		case extra:
			f.Kind, f.Detail, f.Next = FindExtraIndex, has, "if nobody needs it, as owner: DROP INDEX "+name
		case missing:
			f.Kind, f.Detail, f.mend = FindMissingIndex, "should be "+want, run(want)
		case invalid:
			f.Kind, f.Detail, f.mend = FindInvalidIndex, "it was not built to the end", run("REINDEX INDEX "+name)
		case ofConstraint:
			return nil
		default:
			f.Kind, f.Detail, f.mend = FindChangedIndex, "is "+has+", should be "+want, run("DROP INDEX "+name, want)
		}
		if f.mend != nil {
			f.Next = "look for rows that stand against it (duplicates, for a unique index), then run repair again"
		}
		e.differ(f)
		return nil
	})
	return err
}

func (e *examination) readConstraints(names []string) error {
	rows, err := e.tx.Query(e.ctx, sqlFleetConstraints, names)
	if err != nil {
		return err
	}
	var schema, table, constraint, want, has string
	var extra, missing bool
	_, err = pgx.ForEachRow(rows, []any{&schema, &table, &constraint, &extra, &missing, &want, &has}, func() error {
		alter, name := "ALTER TABLE "+quoted(schema, table), pgx.Identifier{constraint}.Sanitize()
		f := Finding{Schema: schema, Object: table + "." + constraint, Next: "look for rows that stand against it, then run repair again"}
		switch {
		case extra:
			f.Kind, f.Detail, f.Next = FindExtraConstraint, has, "if nobody needs it, as owner: "+alter+" DROP CONSTRAINT "+name
		case missing:
			f.Kind, f.Detail, f.mend = FindMissingConstraint, "should be "+want, run(alter+" ADD CONSTRAINT "+name+" "+want)
		default:
			f.Kind, f.Detail = FindChangedConstraint, "is "+has+", should be "+want
			f.mend = run(alter+" DROP CONSTRAINT "+name, alter+" ADD CONSTRAINT "+name+" "+want)
		}
		e.differ(f)
		return nil
	})
	return err
}

// judge compares versions, when it is known which schemas are like the template.
func (e *examination) judge() {
	for _, schema := range e.existing(false, func(*examined) bool { return true }) {
		b := e.brains[schema]
		alike := b.compared && !b.differs
		table := quoted(schema, versionTable)
		set := fmt.Sprintf("DELETE FROM %s; INSERT INTO %[1]s (version) VALUES (%d)", table, e.template)
		switch {
		case b.noVersionTable:
			f := Finding{Schema: schema, Kind: FindMissingTable, Object: versionTable, Detail: "nothing proves a binding: its user is locked out",
				Next: fmt.Sprintf("as owner: CREATE TABLE %s (version int4 NOT NULL), and insert the number of migrations that the other tables have had; then run repair", table)}
			if alike && b.Version == e.template && b.trusted {
				app, console := pgx.Identifier{e.db.appRole}.Sanitize(), pgx.Identifier{e.db.consoleRole}.Sanitize()
				f.mend = run("CREATE TABLE "+table+" (version int4 NOT NULL)", set, "ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY",
					"CREATE POLICY seal ON "+table+" USING ("+b.condition+")", "GRANT SELECT ON "+table+" TO "+app+", "+console)
			}
			e.add(f)
		case !b.versioned:
			// The owner cannot read it, which is a finding of its own.
		case b.versions.err != nil:
			var pgErr *pgconn.PgError
			detail := "cannot be read"
			if errors.As(b.versions.err, &pgErr) {
				detail += ": SQLSTATE " + pgErr.Code
			}
			e.add(Finding{Schema: schema, Kind: FindUnreadableVersion, Object: versionTable, Detail: detail,
				Next: "55P03 means that somebody has locked it, perhaps a long migration: see pg_locks and run doctor again; anything else that it is not tern's table (version int4 NOT NULL, one row)"})
		case b.versions.rows != 1 || b.versions.max != b.Version || b.versions.max > e.template:
			e.add(e.wrongVersion(schema, b, alike, set))
		}
	}
}

func (e *examination) wrongVersion(schema string, b *examined, alike bool, set string) Finding {
	f := Finding{Schema: schema, Kind: FindWrongVersion,
		Detail: fmt.Sprintf("the schema says %d, the registry %d, the template is at %d", b.versions.max, b.Version, e.template)}
	if b.versions.rows != 1 {
		f.Detail = fmt.Sprintf("the schema's version table has %d rows instead of one; the registry says %d, the template is at %d", b.versions.rows, b.Version, e.template)
	}
	lock, keyID := b.lock, b.KeyID
	if key, ok := e.db.keyOf(schema, lock); ok {
		keyID = key.ID()
	}
	amend := b.amend(lock, keyID, e.template)
	switch {
	case !b.trusted:
		f.Next = "mend unknown-lock first"
	case alike:
		// All is as in the template, and one side says so: the other is wrong.
		f.mend = func(ctx context.Context, tx pgx.Tx) error {
			if err := run(set)(ctx, tx); err != nil {
				return err
			}
			return amend(ctx, tx)
		}
	case b.versions.rows == 1 && b.versions.max < e.template:
		f.mend = func(ctx context.Context, tx pgx.Tx) error {
			version, err := e.db.migrateBrain(ctx, tx, schema, true, nil)
			if err != nil {
				return errors.New(failureText(err))
			}
			tables, err := listTables(ctx, tx, schema)
			if err != nil {
				return err
			}
			if err := e.db.seal(ctx, tx, schema, tables, b.condition, false); err != nil {
				return err
			}
			return b.amend(lock, keyID, version)(ctx, tx)
		}
		f.Next = "find out which migrations its tables have had, and write that number into " + quoted(schema, versionTable) + "; then run repair"
	case b.versions.max > e.template:
		f.Next = "run twobrains migrate up of the newest release; if there is none so new, find out which migrations the tables have had and write that number into " + quoted(schema, versionTable)
	default:
		f.Next = "mend the other findings about this schema, then run repair again"
	}
	return f
}
