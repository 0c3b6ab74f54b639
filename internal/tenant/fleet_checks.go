package tenant

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/publicdb"
)

// run makes a mend of statements.
func run(statements ...string) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, strings.Join(statements, ";\n"))
		return err
	}
}

func quoted(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }

// checkLock finds the key of a private brain's lock. A registry entry whose lock is of no key is mended from the key that
// it names, but only where that key opens others that were made with it: else it is MASTER_KEYS that is wrong, and mending
// would lock everybody out of every server that has the right one.
func (e *examination) checkLock(schema string, b *examined) error {
	key, ok := e.db.keyOf(schema, b.Lock)
	if ok {
		b.trusted = true
		if key.ID() != b.KeyID {
			e.add(Finding{Schema: schema, Kind: FindWrongKeyID, Detail: fmt.Sprintf("the lock is of master key %q, the registry says %q", key.ID(), b.KeyID),
				mend: b.amend(b.Lock, key.ID(), b.Version)})
		}
		return nil
	}
	f := Finding{Schema: schema, Kind: FindUnknownLock}
	named, ok := e.db.opts.Keys.ByID(b.KeyID)
	if !ok {
		f.Detail = fmt.Sprintf("made with master key %q, which the ring has not", b.KeyID)
		f.Next = fmt.Sprintf("put master key %q back at the end of MASTER_KEYS", b.KeyID)
		e.add(f)
		return nil
	}
	proven, err := e.proven(b.KeyID)
	if err != nil {
		return err
	}
	f.Detail = fmt.Sprintf("the registry's lock is not of master key %q, which it names", b.KeyID)
	if proven {
		b.lock, b.trusted = lockOf(deriveKey(named, schema)), true
		f.mend = b.amend(b.lock, b.KeyID, b.Version)
	} else {
		f.Next = fmt.Sprintf("the ring's master key %q opens no private brain that was made with it: give the right one in MASTER_KEYS", b.KeyID)
	}
	e.add(f)
	return nil
}

// proven reports whether the ring's key of a name opens any private brain that was made with the key of that name.
func (e *examination) proven(keyID string) (bool, error) {
	known, ok := e.keys[keyID]
	if ok {
		return known, nil
	}
	rows, err := publicdb.New().TenantLocksOfKey(e.ctx, e.tx, keyID)
	if err != nil {
		return false, fmt.Errorf("read locks: %w", err)
	}
	known = slices.ContainsFunc(rows, func(r publicdb.TenantLocksOfKeyRow) bool {
		key, ok := e.db.keyOf(r.SchemaName, r.Lock)
		return ok && key.ID() == keyID
	})
	e.keys[keyID] = known
	return known, nil
}

// amend corrects the registry's entry.
func (b *examined) amend(lock []byte, keyID string, version int32) func(context.Context, pgx.Tx) error {
	id := b.UserID
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := publicdb.New().TenantAmend(ctx, tx, publicdb.TenantAmendParams{UserID: id, Lock: lock, KeyID: keyID, Version: version})
		return err
	}
}

func (e *examination) checkOwner(schema, object, what, owner string) {
	want := e.db.ownerCfg.User
	if owner == want {
		return
	}
	statement := fmt.Sprintf("ALTER %s OWNER TO %s", what, pgx.Identifier{want}.Sanitize())
	e.add(Finding{Schema: schema, Kind: FindWrongOwner, Object: object, Detail: fmt.Sprintf("owned by %s instead of %s", owner, want),
		mend: run(statement), Next: "as a superuser: " + statement})
}

// checkGrants compares grants to others than the owner, "SELECT to role", with what the app and the console have to have. A private
// brain that is behind gets what the console lacks when it is migrated.
func (e *examination) checkGrants(schema, object, what string, grants, ofApp, ofConsole []string) {
	missing := map[string][]string{e.db.appRole: slices.Clone(ofApp), e.db.consoleRole: slices.Clone(ofConsole)}
	var excess, revoke []string
	for _, grant := range grants {
		privilege, grantee, _ := strings.Cut(grant, " to ")
		role := e.db.appRole
		if grantee == asQuoted(e.db.consoleRole) {
			role = e.db.consoleRole
		}
		if i := slices.Index(missing[role], privilege); grantee == asQuoted(role) && i >= 0 {
			missing[role] = slices.Delete(missing[role], i, i+1)
			continue
		}
		excess = append(excess, grant)
		if !slices.Contains(revoke, grantee) {
			revoke = append(revoke, grantee)
		}
	}
	if b := e.brains[schema]; b != nil && b.registered && b.Version < e.template {
		missing[e.db.consoleRole] = nil
	}
	var grant, lacking []string
	for _, r := range []struct {
		role       string
		privileges []string
	}{{e.db.appRole, ofApp}, {e.db.consoleRole, ofConsole}} {
		if len(r.privileges) > 0 {
			grant = append(grant, fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(r.privileges, ", "), what, asQuoted(r.role)))
		}
		if lacks := missing[r.role]; len(lacks) > 0 {
			lacking = append(lacking, fmt.Sprintf("%s lacks %s", r.role, strings.Join(lacks, ", ")))
		}
	}
	if len(lacking) > 0 {
		e.add(Finding{Schema: schema, Kind: FindMissingGrant, Object: object, Detail: strings.Join(lacking, "; "), mend: run(grant...)})
	}
	if len(excess) > 0 {
		statement := fmt.Sprintf("REVOKE ALL ON %s FROM %s CASCADE", what, strings.Join(revoke, ", "))
		e.add(Finding{Schema: schema, Kind: FindExcessGrant, Object: object, Detail: strings.Join(excess, ", "), mend: run(append([]string{statement}, grant...)...)})
	}
}

// asQuoted is a role's name as quote_ident writes it.
func asQuoted(role string) string {
	if !strings.ContainsAny(role, `" `) && strings.ToLower(role) == role {
		return role
	}
	return pgx.Identifier{role}.Sanitize()
}

// relation is a row of sqlFleetRelations.
type relation struct {
	Schema, Name, Kind     string
	Logged                 bool
	Owner                  string
	RLS, Forced            bool
	Grants                 []string
	HasPolicy, PlainPolicy bool
	Condition              string
}

var relationKinds = map[string]string{"v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE", "c": "TYPE"}

func (r relation) isTable() bool { return r.Kind == "r" || r.Kind == "p" }

// what names the relation in DDL; in GRANT and REVOKE, views too are tables.
func (r relation) what(grant bool) string {
	kind := "TABLE"
	if k, ok := relationKinds[r.Kind]; ok && (!grant || r.Kind == "S") {
		kind = k
	}
	return kind + " " + quoted(r.Schema, r.Name)
}

func (e *examination) readRelations() error {
	rows, err := e.tx.Query(e.ctx, sqlFleetRelations, e.existing(true, func(*examined) bool { return true }))
	if err != nil {
		return fmt.Errorf("read relations: %w", err)
	}
	hasVersion := map[string]bool{}
	var r relation
	_, err = pgx.ForEachRow(rows, []any{&r.Schema, &r.Name, &r.Kind, &r.Logged, &r.Owner, &r.RLS, &r.Forced, &r.Grants, &r.HasPolicy, &r.PlainPolicy, &r.Condition}, func() error {
		b := e.brains[r.Schema]
		known := e.relations[r.Name]
		if !known {
			e.extras = append(e.extras, r)
		}
		if r.Name == versionTable && r.Kind == "r" {
			hasVersion[r.Schema] = true
			b.versioned = b.versioned && r.Owner == e.db.ownerCfg.User && !r.Forced
		}
		e.checkOwner(r.Schema, r.Name, r.what(false), r.Owner)
		if !r.isTable() {
			e.checkGrants(r.Schema, r.Name, r.what(true), r.Grants, nil, nil)
			return nil
		}
		e.checkTable(b, r, known)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read relations: %w", err)
	}
	for _, schema := range e.existing(false, func(*examined) bool { return true }) {
		if !hasVersion[schema] {
			e.brains[schema].versioned, e.brains[schema].noVersionTable = false, true
		}
	}
	return nil
}

// readingOnly is what the console may do with a table.
var readingOnly = []string{"SELECT"}

var privilegesOfTables = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}

func (e *examination) checkTable(b *examined, r relation, known bool) {
	name := quoted(r.Schema, r.Name)
	about := func(kind Kind, detail string, statements ...string) {
		e.add(Finding{Schema: r.Schema, Kind: kind, Object: r.Name, Detail: detail, mend: run(statements...)})
	}
	switch {
	case r.Name == versionTable:
		e.checkGrants(r.Schema, r.Name, r.what(true), r.Grants, []string{"SELECT"}, readingOnly)
	case known || slices.ContainsFunc(r.Grants, func(g string) bool { return slices.Contains(privilegesOfTables, strings.SplitN(g, " ", 2)[0]) }) && r.HasPolicy:
		e.checkGrants(r.Schema, r.Name, r.what(true), r.Grants, privilegesOfTables, readingOnly)
	default:
		e.checkGrants(r.Schema, r.Name, r.what(true), r.Grants, nil, nil)
	}
	if !r.RLS {
		about(FindRLSOff, "row-level security is off: the seal does not hold", "ALTER TABLE "+name+" ENABLE ROW LEVEL SECURITY")
	}
	if r.Forced {
		about(FindRLSForced, "row-level security binds the owner too: it cannot be migrated", "ALTER TABLE "+name+" NO FORCE ROW LEVEL SECURITY")
	}
	if !r.Logged {
		e.add(Finding{Schema: r.Schema, Kind: FindUnloggedTable, Object: r.Name, Detail: "a crash would empty it",
			Next: "as owner, when its user is away, since it rewrites the table: ALTER TABLE " + name + " SET LOGGED"})
	}
	f := Finding{Schema: r.Schema, Object: r.Name}
	switch lock, isSeal := lockIn(r.Condition); {
	case !r.HasPolicy:
		f.Kind, f.Detail = FindMissingPolicy, "no seal: nobody but the owner sees its rows"
	case r.Schema == templateSchema && r.PlainPolicy && r.Condition == "false":
		return
	case r.Schema == templateSchema, !r.PlainPolicy, !isSeal:
		f.Kind, f.Detail = FindWrongPolicy, "the policy named seal is not the seal's"
	case !bytes.Equal(lock, b.lock):
		f.Kind, f.Detail = FindWrongLock, "the seal is not of the key that the registry's lock is of"
	default:
		return
	}
	f.mend = run("DROP POLICY IF EXISTS seal ON "+name, "CREATE POLICY seal ON "+name+" USING ("+b.condition+")")
	if !b.trusted {
		f.mend, f.Next = nil, "mend unknown-lock first: what the seal has to be is not known"
	}
	e.add(f)
}

// sealText is the seal's condition as Postgres writes it.
var sealText = regexp.MustCompile(`^\( SELECT \((?:pg_catalog\.)?sha256\(\((?:pg_catalog\.)?current_setting\('twobrains\.key'::text, true\)\)::bytea\) = '\\x([0-9a-f]{64})'::bytea\)(?: AS "\?column\?")?\)$`)

func lockIn(condition string) ([]byte, bool) {
	m := sealText.FindStringSubmatch(condition)
	if m == nil {
		return nil, false
	}
	lock, err := hex.DecodeString(m[1])
	return lock, err == nil
}

// readObjects looks for what stands beside tables. Policies and grants on columns open what is sealed, so they are
// looked for everywhere; the rest only in private brains that are compared with the template.
func (e *examination) readObjects() error {
	rows, err := e.tx.Query(e.ctx, sqlFleetObjects, append(e.existing(false, func(*examined) bool { return true }), templateSchema))
	if err != nil {
		return fmt.Errorf("read objects: %w", err)
	}
	type object struct {
		Schema, Kind, Table, Name string
		Grants                    []string
	}
	objects, err := pgx.CollectRows(rows, pgx.RowToStructByPos[object])
	if err != nil {
		return fmt.Errorf("read objects: %w", err)
	}
	expected := map[[3]string]bool{}
	for _, o := range objects {
		if o.Schema == templateSchema && o.Kind != "policy" && o.Kind != "column grant" {
			expected[[3]string{o.Kind, o.Table, o.Name}] = true
		}
	}
	for _, o := range objects {
		b := e.brains[o.Schema]
		if b == nil || expected[[3]string{o.Kind, o.Table, o.Name}] {
			continue
		}
		table, name := quoted(o.Schema, o.Table), pgx.Identifier{o.Name}.Sanitize()
		f := Finding{Schema: o.Schema, Object: strings.Trim(o.Table+"."+o.Name, "."), Kind: FindUnexpectedObject, Detail: "a " + o.Kind + " that the template has not"}
		switch o.Kind {
		case "policy":
			f.Kind, f.Detail = FindExtraPolicy, "a policy beside the seal opens what the seal closes"
			f.mend = run("DROP POLICY " + name + " ON " + table)
		case "column grant":
			var grantees []string
			for _, g := range o.Grants {
				_, grantee, _ := strings.Cut(g, " to ")
				grantees = append(grantees, grantee)
			}
			f.Kind, f.Detail = FindExcessGrant, strings.Join(o.Grants, ", ")
			f.mend = run(fmt.Sprintf("REVOKE ALL (%s) ON %s FROM %s CASCADE", name, table, strings.Join(grantees, ", ")))
		case "trigger", "rule":
			f.Next = "as owner: DROP " + strings.ToUpper(o.Kind) + " " + name + " ON " + table
		case "foreign key":
			f.Next = "as owner: ALTER TABLE " + table + " DROP CONSTRAINT " + name
		default:
			f.Next = "as owner: DROP " + strings.ToUpper(o.Kind) + " " + o.Schema + "." + o.Name
		}
		if f.mend == nil && !b.compared {
			continue
		}
		e.add(f)
	}
	return nil
}
