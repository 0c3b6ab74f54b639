package tenant

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/publicdb"
)

// Kind of a finding.
type Kind string

// The kinds of findings. Each is about one object of one private brain.
const (
	FindMissingSchema     Kind = "missing-schema"     // registered, but not there
	FindOrphanSchema      Kind = "orphan-schema"      // there, but not registered
	FindWrongName         Kind = "wrong-name"         // the registry names a schema that is not the user's
	FindUnknownLock       Kind = "unknown-lock"       // the registry's lock is of no key of the ring
	FindWrongKeyID        Kind = "wrong-key-id"       // the registry names another key than the lock's
	FindWrongVersion      Kind = "wrong-version"      // registry, schema and template disagree
	FindUnreadableVersion Kind = "unreadable-version" // locked, or not tern's table

	FindWrongOwner    Kind = "wrong-owner"
	FindMissingGrant  Kind = "missing-grant"
	FindExcessGrant   Kind = "excess-grant"
	FindRLSOff        Kind = "rls-off"
	FindRLSForced     Kind = "rls-forced" // the owner could not migrate
	FindMissingPolicy Kind = "missing-policy"
	FindWrongPolicy   Kind = "wrong-policy" // another condition, command or role than the seal's
	FindWrongLock     Kind = "wrong-lock"   // the seal, but of another key than the registry's
	FindExtraPolicy   Kind = "extra-policy"

	FindMissingTable      Kind = "missing-table"
	FindExtraTable        Kind = "extra-table"
	FindUnloggedTable     Kind = "unlogged-table"
	FindMissingColumn     Kind = "missing-column"
	FindExtraColumn       Kind = "extra-column"
	FindChangedColumn     Kind = "changed-column"
	FindMissingIndex      Kind = "missing-index"
	FindInvalidIndex      Kind = "invalid-index"
	FindChangedIndex      Kind = "changed-index"
	FindExtraIndex        Kind = "extra-index"
	FindMissingConstraint Kind = "missing-constraint"
	FindChangedConstraint Kind = "changed-constraint"
	FindExtraConstraint   Kind = "extra-constraint"
	FindUnexpectedObject  Kind = "unexpected-object"
)

// Finding is one thing that is not as it should be. It holds names and definitions, never content.
type Finding struct {
	// Schema is a private brain, or the template.
	Schema string
	// UserID is zero for orphans and the template.
	UserID uuid.UUID
	Kind   Kind
	// Object is a table, or table.object; empty for the schema and the registry's entry.
	Object string
	// Detail says what is and what should be.
	Detail string
	// Mends: Repair mends it. Next is what a person has to do otherwise.
	Mends bool
	Next  string

	mend func(ctx context.Context, tx pgx.Tx) error
}

func (f Finding) same(o Finding) bool {
	return f.Schema == o.Schema && f.Kind == o.Kind && f.Object == o.Object
}

func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Detail, b.Detail))
}

// versionBatch is how many version tables one statement reads, and versionsPerConn how many one connection, whose memory
// grows with each.
const (
	versionBatch    = 200
	versionsPerConn = 4000
)

// Doctor compares every private brain with the registry, the key ring and the template, in a fixed number of statements over
// the catalogs of one snapshot, beside reading versions in batches. Those at the template's version are compared in
// every detail; of those that are behind, which is no finding, only ownership, grants and seals. What is found is looked at
// once more before it is yielded, so that a migration under way is no finding either.
func (f Fleet) Doctor(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		found, err := f.db.diagnose(ctx)
		if err != nil {
			yield(Finding{}, err)
			return
		}
		for _, finding := range found {
			if !yield(finding, nil) {
				return
			}
		}
	}
}

// diagnose gives confirmed findings about all schemas, in order.
func (db *DB) diagnose(ctx context.Context) ([]Finding, error) {
	found, err := db.examineFleet(ctx, nil)
	if err != nil || len(found) == 0 {
		return found, err
	}
	var schemas []string
	for _, f := range found {
		if len(schemas) == 0 || schemas[len(schemas)-1] != f.Schema {
			schemas = append(schemas, f.Schema)
		}
	}
	again, err := db.examineFleet(ctx, schemas)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(again, func(f Finding) bool { return !slices.ContainsFunc(between(found, f.Schema), f.same) }), nil
}

// between gives the findings of one schema out of ordered ones.
func between(found []Finding, schema string) []Finding {
	start, _ := slices.BinarySearchFunc(found, schema, func(f Finding, s string) int { return cmp.Compare(f.Schema, s) })
	end := start
	for end < len(found) && found[end].Schema == schema {
		end++
	}
	return found[start:end]
}

// examineFleet looks at some schemas, or at all if schemas is nil, in one snapshot.
func (db *DB) examineFleet(ctx context.Context, schemas []string) ([]Finding, error) {
	conn, err := db.connectOwnerWith(ctx, "pg_catalog", map[string]string{"work_mem": "64MB", "jit": "off", "lock_timeout": "5000"})
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var found []Finding
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		found, err = db.examineSchemas(ctx, tx, schemas, db.readVersionsApart)
		return err
	})
	if HasState(err, stateNoTable) || HasState(err, stateNoSchema) {
		return nil, ErrNotMigrated
	}
	return found, err
}

type versionReader func(ctx context.Context, tx pgx.Tx, schemas []string, each func(schema string, v schemaVersions)) error

// schemaVersions is what a schema's version table holds.
type schemaVersions struct {
	rows     int64
	min, max int32
	err      error
}

// examineSchemas is the examination itself. The order matters: what exists, how it is sealed, at which version it is, and
// then, for those at the template's, what it is made of.
func (db *DB) examineSchemas(ctx context.Context, tx pgx.Tx, schemas []string, versions versionReader) ([]Finding, error) {
	e := &examination{ctx: ctx, db: db, tx: tx, brains: map[string]*examined{}, keys: map[string]bool{}}
	steps := []func() error{
		e.readTemplate,
		func() error { return e.readRegistry(schemas) },
		func() error { return e.readSchemas(schemas) },
		e.readRelations,
		func() error { return e.readVersions(versions) },
		e.readObjects,
		e.readStructure,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	e.judge()
	slices.SortFunc(e.found, compareFindings)
	return e.found, nil
}

// examination is the state of one pass.
type examination struct {
	ctx context.Context
	db  *DB
	tx  pgx.Tx

	template  int32
	relations map[string]bool // of the template
	brains    map[string]*examined
	// keys tells of a key id of the ring whether its key opens what was made with it.
	keys   map[string]bool
	extras []relation
	found  []Finding
}

// examined is what is known of one schema.
type examined struct {
	publicdb.TenantRegistryRow
	registered, exists bool
	// lock is what the seals should be of; condition is the seal. trusted: it is of a key of the ring.
	lock      []byte
	condition string
	trusted   bool
	// versioned: there is a version table, and the owner may read it.
	versioned, noVersionTable bool
	versions                  schemaVersions
	// compared: it is compared with the template; differs: it is not like it.
	compared, differs bool
}

func (e *examination) add(f Finding) {
	if b := e.brains[f.Schema]; b != nil && b.registered {
		f.UserID = b.UserID
	}
	f.Mends = f.mend != nil
	e.found = append(e.found, f)
}

func (e *examination) readTemplate() error {
	if err := e.tx.QueryRow(e.ctx, "SELECT version FROM "+templateSchema+"."+versionTable).Scan(&e.template); err != nil {
		return fmt.Errorf("read version of the template: %w", err)
	}
	if e.template < e.db.latest {
		return ErrNotMigrated
	}
	rows, err := e.tx.Query(e.ctx, sqlFleetTemplate)
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	e.relations = map[string]bool{}
	for _, name := range names {
		e.relations[name] = true
	}
	return nil
}

func (e *examination) readRegistry(schemas []string) error {
	params := publicdb.TenantRegistryParams{Everybody: schemas == nil, UserIds: []string{}}
	for _, schema := range schemas {
		if id, err := ParseUser(schema); err == nil {
			params.UserIds = append(params.UserIds, id.String())
		}
	}
	rows, err := publicdb.New().TenantRegistry(e.ctx, e.tx, params)
	if err != nil {
		return fmt.Errorf("read registry: %w", err)
	}
	for _, row := range rows {
		schema := schemaName(row.UserID)
		b := &examined{TenantRegistryRow: row, registered: true, lock: row.Lock}
		e.brains[schema] = b
		if row.SchemaName != schema {
			e.add(Finding{Schema: schema, Kind: FindWrongName, Detail: "the registry names schema " + row.SchemaName,
				Next: fmt.Sprintf("find out who changed it; then, as owner: UPDATE public.tenants SET schema_name = '%s' WHERE user_id = '%s'", schema, row.UserID)})
		}
		if err := e.checkLock(schema, b); err != nil {
			return err
		}
		b.condition = sealBy(b.lock)
	}
	return nil
}

func (e *examination) readSchemas(schemas []string) error {
	rows, err := e.tx.Query(e.ctx, sqlFleetSchemas, schemas)
	if err != nil {
		return fmt.Errorf("list schemas: %w", err)
	}
	var name, owner string
	var grants []string
	_, err = pgx.ForEachRow(rows, []any{&name, &owner, &grants}, func() error {
		b := e.brains[name]
		if name == templateSchema {
			b = &examined{condition: "false", trusted: true}
			e.brains[name] = b
		}
		if b == nil {
			e.add(Finding{Schema: name, Kind: FindOrphanSchema, Detail: "no entry in the registry",
				Next: "look at it (\\dt+ " + name + ".*); then, as owner: DROP SCHEMA " + pgx.Identifier{name}.Sanitize() + " CASCADE"})
			return nil
		}
		b.exists, b.versioned = true, owner == e.db.ownerCfg.User
		e.checkOwner(name, "", "SCHEMA "+name, owner)
		e.checkGrants(name, "", "SCHEMA "+name, grants, []string{"USAGE"}, []string{"USAGE"})
		return nil
	})
	if err != nil {
		return fmt.Errorf("list schemas: %w", err)
	}
	for name, b := range e.brains {
		if !b.exists && b.Version > 0 {
			e.add(Finding{Schema: name, Kind: FindMissingSchema, Detail: fmt.Sprintf("registered at version %d", b.Version),
				Next: "restore the schema from a backup; if its content is given up, as owner: DELETE FROM public.tenants WHERE user_id = '" + b.UserID.String() + "', and the next access makes an empty one"})
		}
	}
	return nil
}

// existing gives the names of the schemas that are there, in order; the template only if asked for.
func (e *examination) existing(template bool, fits func(*examined) bool) []string {
	names := []string{}
	for name, b := range e.brains {
		if b.exists && (template || name != templateSchema) && fits(b) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
