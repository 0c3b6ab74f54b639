package tenant_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

func doctor(t *testing.T, db *tenant.DB) (found []tenant.Finding) {
	t.Helper()
	for f, err := range db.Fleet().Doctor(t.Context()) {
		require.NoError(t, err)
		found = append(found, f)
	}
	return found
}

func repair(t *testing.T, db *tenant.DB, o tenant.RepairOptions) (done []tenant.Repaired) {
	t.Helper()
	for r, err := range db.Fleet().Repair(t.Context(), o) {
		require.NoError(t, err)
		done = append(done, r)
	}
	return done
}

func texts(found []tenant.Finding) []string {
	list := make([]string, len(found))
	for i, f := range found {
		list[i] = strings.TrimSpace(string(f.Kind) + " " + f.Object)
	}
	return list
}

func TestFleetHealthy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, doctor(t, b.DB), "no users")
	for range 5 {
		b.addConversation(t, b.newUser(t), "c", "x")
	}
	require.Empty(t, doctor(t, b.DB))
	require.Empty(t, repair(t, b.DB, tenant.RepairOptions{}))

	behind := b.Kernel(t, func(o *tenant.Options) {
		o.TenantMigrations = withMigration(t, "ALTER TABLE conversations ADD COLUMN extra text; CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz DEFAULT now());")
	})
	for _, err := range behind.Fleet().Doctor(t.Context()) {
		require.ErrorIs(t, err, tenant.ErrNotMigrated)
	}
	require.NoError(t, behind.Migrate(t.Context(), false, nil))
	require.Empty(t, doctor(t, behind), "being behind is no finding")
	b.open(t, behind, uuid.New())
	require.Empty(t, doctor(t, behind), "old and new beside each other")
}

// Each way of breaking a private brain, what the doctor must say of it, and what repair cannot mend.
func TestFleetDoctorAndRepair(t *testing.T) {
	t.Parallel()
	type breakage struct {
		name string
		// sql breaks; $s is the schema, $u the user's id.
		sql string
		// found are "kind object"; those of them that begin with ! cannot be mended.
		found []string
		// first is what has to be mended by hand before repair mends the rest.
		undo string
	}
	cases := []breakage{
		{"index", "DROP INDEX $s.messages_in_order", []string{"missing-index messages.messages_in_order"}, ""},
		{"changed index", "DROP INDEX $s.messages_in_order; CREATE INDEX messages_in_order ON $s.messages (seq)", []string{"changed-index messages.messages_in_order"}, ""},
		{"invalid index", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '$s.runs_running'::regclass", []string{"invalid-index runs.runs_running"}, ""},
		{"invalid key", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '$s.runs_pkey'::regclass", []string{"invalid-index runs.runs_pkey"}, ""},
		{"index without rows to fit", "DROP INDEX $s.messages_in_order; INSERT INTO $s.messages SELECT x, 'c', 1, 'user', '[]', '{}', 'complete', 1 FROM unnest('{a,b}'::text[]) x",
			[]string{"!missing-index messages.messages_in_order"}, "DELETE FROM $s.messages WHERE id = 'b'"},
		{"extra index", "CREATE INDEX mine ON $s.messages (role)", []string{"!extra-index messages.mine"}, "DROP INDEX $s.mine"},
		{"primary key", "ALTER TABLE $s.runs DROP CONSTRAINT runs_pkey", []string{"missing-constraint runs.runs_pkey"}, ""},
		{"check", "ALTER TABLE $s.messages DROP CONSTRAINT messages_check", []string{"missing-constraint messages.messages_check"}, ""},
		{"changed check", "ALTER TABLE $s.messages DROP CONSTRAINT messages_check, ADD CONSTRAINT messages_check CHECK (role <> '')", []string{"changed-constraint messages.messages_check"}, ""},
		{"extra check", "ALTER TABLE $s.messages ADD CONSTRAINT mine CHECK (size < 10)", []string{"!extra-constraint messages.mine"}, "ALTER TABLE $s.messages DROP CONSTRAINT mine"},
		{"default", "ALTER TABLE $s.messages ALTER metadata DROP DEFAULT, ALTER created_at SET DEFAULT '2020-01-01'", []string{"changed-column messages.created_at", "changed-column messages.metadata"}, ""},
		{"not null", "UPDATE $s.conversations SET archived_at = now(); ALTER TABLE $s.conversations ALTER title DROP NOT NULL, ALTER archived_at SET NOT NULL", []string{"changed-column conversations.archived_at", "changed-column conversations.title"}, ""},
		{"type", "ALTER TABLE $s.runs ALTER effort TYPE varchar(10)", []string{"!changed-column runs.effort"}, "ALTER TABLE $s.runs ALTER effort TYPE varchar(8)"},
		{"column", "ALTER TABLE $s.runs DROP COLUMN error_code", []string{"!missing-column runs.error_code"}, "ALTER TABLE $s.runs ADD COLUMN error_code varchar(40)"},
		{"extra column", "ALTER TABLE $s.runs ADD COLUMN mine int", []string{"!extra-column runs.mine"}, "ALTER TABLE $s.runs DROP COLUMN mine"},
		{"table", "ALTER TABLE $s.runs SET SCHEMA public; ALTER TABLE public.runs RENAME TO kept", []string{"!missing-table runs"},
			"ALTER TABLE public.kept RENAME TO runs; ALTER TABLE public.runs SET SCHEMA $s"},
		{"extra table", "CREATE TABLE $s.mine (id int); ALTER TABLE $s.mine OWNER TO twobrains_owner", []string{"!extra-table mine", "missing-policy mine", "rls-off mine"}, "DROP TABLE $s.mine"},
		{"granted extra table", "CREATE TABLE $s.mine (id int); ALTER TABLE $s.mine OWNER TO twobrains_owner; GRANT SELECT ON $s.mine TO twobrains_app",
			[]string{"excess-grant mine", "!extra-table mine", "missing-policy mine", "rls-off mine"}, "DROP TABLE $s.mine"},
		{"unlogged", "ALTER TABLE $s.runs SET UNLOGGED", []string{"!unlogged-table runs"}, "ALTER TABLE $s.runs SET LOGGED"},
		{"policy", "DROP POLICY seal ON $s.messages", []string{"missing-policy messages"}, ""},
		{"policy of the version table", "DROP POLICY seal ON $s.schema_version", []string{"missing-policy schema_version"}, ""},
		{"open policy", "ALTER POLICY seal ON $s.messages USING (true)", []string{"wrong-policy messages"}, ""},
		{"policy with an or", "DROP POLICY seal ON $s.messages; CREATE POLICY seal ON $s.messages USING ((SELECT sha256(current_setting('twobrains.key', true)::bytea) = '\\x" + strings.Repeat("00", 32) + "'::bytea) OR true)",
			[]string{"wrong-policy messages"}, ""},
		{"policy to one role", "ALTER POLICY seal ON $s.messages TO twobrains_app", []string{"wrong-policy messages"}, ""},
		{"checked policy", "ALTER POLICY seal ON $s.messages WITH CHECK (false)", []string{"wrong-policy messages"}, ""},
		{"lock", "ALTER POLICY seal ON $s.messages USING ((SELECT sha256(current_setting('twobrains.key', true)::bytea) = '\\x" + strings.Repeat("00", 32) + "'::bytea))",
			[]string{"wrong-lock messages"}, ""},
		{"extra policy", "CREATE POLICY mine ON $s.messages USING (true)", []string{"extra-policy messages.mine"}, ""},
		{"rls", "ALTER TABLE $s.messages DISABLE ROW LEVEL SECURITY", []string{"rls-off messages"}, ""},
		{"forced", "ALTER TABLE $s.messages FORCE ROW LEVEL SECURITY", []string{"rls-forced messages"}, ""},
		{"forced version", "ALTER TABLE $s.schema_version FORCE ROW LEVEL SECURITY", []string{"rls-forced schema_version"}, ""},
		{"no usage", "REVOKE USAGE ON SCHEMA $s FROM twobrains_app", []string{"missing-grant"}, ""},
		{"create", "GRANT CREATE ON SCHEMA $s TO twobrains_app", []string{"excess-grant"}, ""},
		{"schema to public", "GRANT USAGE ON SCHEMA $s TO PUBLIC", []string{"excess-grant"}, ""},
		{"no insert", "REVOKE INSERT ON $s.messages FROM twobrains_app", []string{"missing-grant messages"}, ""},
		{"no reading for the console", "REVOKE SELECT ON $s.messages FROM twobrains_console", []string{"missing-grant messages"}, ""},
		{"no usage for the console", "REVOKE USAGE ON SCHEMA $s FROM twobrains_console", []string{"missing-grant"}, ""},
		{"neither reads", "REVOKE SELECT ON $s.runs FROM twobrains_console, twobrains_app", []string{"missing-grant runs"}, ""},
		{"writing console", "GRANT INSERT ON $s.messages TO twobrains_console", []string{"excess-grant messages"}, ""},
		{"truncate", "GRANT TRUNCATE ON $s.messages TO twobrains_app", []string{"excess-grant messages"}, ""},
		{"grant option", "GRANT SELECT ON $s.messages TO twobrains_app WITH GRANT OPTION", []string{"excess-grant messages", "missing-grant messages"}, ""},
		{"table to public", "GRANT SELECT ON $s.messages TO PUBLIC, twobrains_analyst", []string{"excess-grant messages"}, ""},
		{"column to public", "GRANT SELECT (parts) ON $s.messages TO PUBLIC", []string{"excess-grant messages.parts"}, ""},
		{"version writable", "GRANT UPDATE ON $s.schema_version TO twobrains_app", []string{"excess-grant schema_version"}, ""},
		{"owner of a table", "ALTER TABLE $s.messages OWNER TO postgres", []string{"!wrong-owner messages"}, "ALTER TABLE $s.messages OWNER TO twobrains_owner"},
		{"owner of the schema", "ALTER SCHEMA $s OWNER TO postgres", []string{"!wrong-owner"}, "ALTER SCHEMA $s OWNER TO twobrains_owner"},
		{"version of the schema", "UPDATE $s.schema_version SET version = 0", []string{"wrong-version"}, ""},
		{"version of the future", "UPDATE $s.schema_version SET version = 99", []string{"wrong-version"}, ""},
		{"both of the future", "UPDATE $s.schema_version SET version = 99; UPDATE public.tenants SET version = 99 WHERE user_id = '$u'", []string{"!wrong-version"},
			"UPDATE $s.schema_version SET version = (SELECT version FROM brain_template.schema_version)"},
		{"two versions", "INSERT INTO $s.schema_version VALUES (7)", []string{"wrong-version"}, ""},
		{"no version", "DELETE FROM $s.schema_version", []string{"wrong-version"}, ""},
		{"version of the registry", "UPDATE public.tenants SET version = 0 WHERE user_id = '$u'", []string{"wrong-version"}, ""},
		{"version table", "DROP TABLE $s.schema_version", []string{"missing-table schema_version"}, ""},
		{"version column", "ALTER TABLE $s.schema_version RENAME version TO v", []string{"!extra-column schema_version.v", "!missing-column schema_version.version", "!unreadable-version schema_version"},
			"ALTER TABLE $s.schema_version RENAME v TO version"},
		{"registry's lock", "UPDATE public.tenants SET lock = sha256('x') WHERE user_id = '$u'", []string{"unknown-lock"}, ""},
		{"registry's key id", "UPDATE public.tenants SET key_id = 'other' WHERE user_id = '$u'", []string{"wrong-key-id"}, ""},
		{"unknown key", "UPDATE public.tenants SET key_id = 'lost', lock = sha256('y') WHERE user_id = '$u'; ALTER POLICY seal ON $s.messages USING ((SELECT sha256(current_setting('twobrains.key', true)::bytea) = '\\x" + strings.Repeat("00", 32) + "'::bytea))",
			[]string{"!unknown-lock", "!wrong-lock attachments", "!wrong-lock conversations", "!wrong-lock memories", "!wrong-lock message_search", "!wrong-lock messages", "!wrong-lock runs", "!wrong-lock schema_version"}, "UPDATE public.tenants SET key_id = 'test' WHERE user_id = '$u'"},
		{"registry's name", "ALTER TABLE public.tenants DROP CONSTRAINT IF EXISTS tenants_check; ALTER TABLE public.tenants DROP CONSTRAINT IF EXISTS tenants_schema_name_check; UPDATE public.tenants SET schema_name = 'u_other' WHERE user_id = '$u'",
			[]string{"!wrong-name"}, "UPDATE public.tenants SET schema_name = '$s' WHERE user_id = '$u'"},
		{"view", "CREATE VIEW $s.mine AS SELECT * FROM $s.messages; ALTER VIEW $s.mine OWNER TO twobrains_owner; GRANT SELECT ON $s.mine TO twobrains_app", []string{"excess-grant mine", "!unexpected-object mine"}, "DROP VIEW $s.mine"},
		{"function", "CREATE FUNCTION $s.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", []string{"!unexpected-object mine()"}, "DROP FUNCTION $s.mine()"},
		{"type", "CREATE TYPE $s.mood AS ENUM ('x')", []string{"!unexpected-object mood"}, "DROP TYPE $s.mood"},
		{"sequence", "CREATE SEQUENCE $s.mine; ALTER SEQUENCE $s.mine OWNER TO twobrains_owner", []string{"!unexpected-object mine"}, "DROP SEQUENCE $s.mine"},
		{"trigger", "CREATE TRIGGER mine BEFORE UPDATE ON $s.messages FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", []string{"!unexpected-object messages.mine"}, "DROP TRIGGER mine ON $s.messages"},
		{"rule", "CREATE RULE mine AS ON DELETE TO $s.messages DO INSTEAD NOTHING", []string{"!unexpected-object messages.mine"}, "DROP RULE mine ON $s.messages"},
		{"foreign key", "ALTER TABLE $s.messages ADD CONSTRAINT mine FOREIGN KEY (conversation_id) REFERENCES $s.conversations", []string{"!unexpected-object messages.mine"}, "ALTER TABLE $s.messages DROP CONSTRAINT mine"},
		{"several", "DROP POLICY seal ON $s.messages; ALTER TABLE $s.runs DISABLE ROW LEVEL SECURITY; DROP INDEX $s.runs_running; UPDATE $s.schema_version SET version = 0; ALTER TABLE $s.schema_version FORCE ROW LEVEL SECURITY",
			[]string{"missing-index runs.runs_running", "missing-policy messages", "rls-forced schema_version", "rls-off runs"}, ""},
	}
	b := setup(t)
	ctx := t.Context()
	super := b.Superuser(t)
	healthy := b.newUser(t)
	b.addConversation(t, healthy, "c", "healthy")
	brains := make([]*tenant.Brain, len(cases))
	fill := func(brain *tenant.Brain, sql string) string {
		return strings.NewReplacer("$s", schemaOf(brain.UserID()), "$u", brain.UserID().String()).Replace(sql)
	}
	for i, c := range cases {
		brains[i] = b.newUser(t)
		b.addConversation(t, brains[i], "c", c.name)
		_, err := super.Exec(ctx, fill(brains[i], c.sql))
		require.NoError(t, err, c.name)
	}

	expected := func(c breakage, left bool) (list []string) {
		for _, text := range c.found {
			text, stays := strings.CutPrefix(text, "!")
			if !left || stays {
				list = append(list, text)
			}
		}
		return list
	}
	of := func(found []tenant.Finding, brain *tenant.Brain) (list []tenant.Finding) {
		for _, f := range found {
			if f.Schema == schemaOf(brain.UserID()) {
				list = append(list, f)
			}
		}
		return list
	}

	found := doctor(t, b.DB)
	for i, c := range cases {
		require.Equal(t, expected(c, false), texts(of(found, brains[i])), c.name)
	}
	require.Empty(t, of(found, healthy))
	for _, f := range found {
		require.NotEmpty(t, f.Detail)
		if !f.Mends {
			require.NotEmpty(t, f.Next, "%s %s", f.Kind, f.Object)
		}
	}

	repair(t, b.DB, tenant.RepairOptions{DryRun: true})
	require.Equal(t, texts(found), texts(doctor(t, b.DB)), "a dry run changes nothing")

	for _, r := range repair(t, b.DB, tenant.RepairOptions{}) {
		if !r.Mended {
			require.NotEmpty(t, r.Next, "%s %s: %v", r.Kind, r.Object, r.Err)
		}
	}
	found = doctor(t, b.DB)
	for i, c := range cases {
		require.Equal(t, expected(c, true), append([]string(nil), texts(of(found, brains[i]))...), c.name)
	}

	for i, c := range cases {
		if c.undo != "" {
			_, err := super.Exec(ctx, fill(brains[i], c.undo))
			require.NoError(t, err, c.name)
			repair(t, b.DB, tenant.RepairOptions{User: brains[i].UserID()})
		}
	}
	require.Empty(t, texts(doctor(t, b.DB)))
	for i, c := range cases {
		b.DB.Forget(b.ids.User(t, brains[i].UserID()))
		require.Equal(t, []string{c.name}, b.titles(t, b.open(t, b.DB, brains[i].UserID())), "served again, nothing lost")
	}
}

// What concerns schemas and entries as a whole.
func TestFleetSchemas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	super := b.Superuser(t)
	kept, gone := b.newUser(t), b.newUser(t)
	orphan := schemaOf(uuid.New())
	_, err := super.Exec(ctx, fmt.Sprintf("DROP SCHEMA %s CASCADE; CREATE SCHEMA %s; CREATE SCHEMA u_odd", schemaOf(gone.UserID()), orphan))
	require.NoError(t, err)
	want := map[string]tenant.Kind{schemaOf(gone.UserID()): tenant.FindMissingSchema, orphan: tenant.FindOrphanSchema, "u_odd": tenant.FindOrphanSchema}
	for range 2 {
		got := map[string]tenant.Kind{}
		for _, f := range doctor(t, b.DB) {
			got[f.Schema] = f.Kind
			require.False(t, f.Mends)
			require.NotEmpty(t, f.Next)
		}
		require.Equal(t, want, got)
		for _, r := range repair(t, b.DB, tenant.RepairOptions{}) {
			require.False(t, r.Mended)
		}
	}
	_ = kept

	// The template is sealed like the rest.
	_, err = super.Exec(ctx, "ALTER POLICY seal ON brain_template.messages USING (true); GRANT SELECT ON brain_template.runs TO PUBLIC; ALTER TABLE brain_template.runs DISABLE ROW LEVEL SECURITY")
	require.NoError(t, err)
	var kinds []tenant.Kind
	for _, r := range repair(t, b.DB, tenant.RepairOptions{}) {
		if r.Schema == "brain_template" {
			require.True(t, r.Mended)
			kinds = append(kinds, r.Kind)
		}
	}
	require.ElementsMatch(t, []tenant.Kind{tenant.FindWrongPolicy, tenant.FindExcessGrant, tenant.FindRLSOff}, kinds)
	require.Len(t, doctor(t, b.DB), len(want))
}

// The wrong MASTER_KEYS, under the same name: repair must not re-seal everything with it.
func TestFleetRepairWithWrongKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.newUser(t)
	b.addConversation(t, alice, "c", "alice's")
	wrong := b.Kernel(t, func(o *tenant.Options) {
		o.Keys = testdb.Keys(t, "other", "test")
	})
	require.Empty(t, doctor(t, wrong), "an older key of the ring is no finding")

	impostor := b.Kernel(t, func(o *tenant.Options) { o.Keys = renamedKey(t) })
	found := doctor(t, impostor)
	require.Equal(t, []string{"unknown-lock"}, texts(found))
	require.Contains(t, found[0].Next, "MASTER_KEYS")
	for _, r := range repair(t, impostor, tenant.RepairOptions{}) {
		require.False(t, r.Mended)
	}
	require.Equal(t, []string{"alice's"}, b.titles(t, alice))
}

func TestFleetList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	super := b.Superuser(t)
	for range 3 {
		b.newUser(t)
	}
	_, err := super.Exec(ctx, `INSERT INTO public.tenants (user_id, schema_name, lock, key_id, version, failure, failures, failed_at)
		SELECT id, 'u_' || replace(id::text, '-', ''), sha256(id::text::bytea), CASE n % 3 WHEN 0 THEN 'older' ELSE 'test' END, n % 2 * (SELECT version FROM brain_template.schema_version),
			CASE WHEN n % 5 = 0 THEN 'boom' END, CASE WHEN n % 5 = 0 THEN 2 ELSE 0 END, CASE WHEN n % 5 = 0 THEN now() END
		FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, 2500) n) x`)
	require.NoError(t, err)
	count := func(state tenant.EntryState) (n int) {
		t.Helper()
		var last uuid.UUID
		for e, err := range b.DB.Fleet().List(ctx, state) {
			require.NoError(t, err)
			require.Negative(t, strings.Compare(last.String(), e.UserID.String()))
			if state != "" {
				require.Equal(t, state, e.State)
			}
			require.Equal(t, e.State == tenant.EntryFailed, e.RetryAt != nil)
			last = e.UserID
			n++
		}
		return n
	}
	require.Equal(t, 2503, count(""))
	require.Equal(t, 500, count(tenant.EntryFailed))
	require.Equal(t, 1000, count(tenant.EntryBehind))
	require.Equal(t, 2503-1500-count(tenant.EntryOldKey), count(tenant.EntryOK))
	for _, err := range b.DB.Fleet().List(ctx, "") {
		require.NoError(t, err)
		break
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range b.DB.Fleet().List(canceled, "") {
		require.Error(t, err)
	}
}

func TestFleetShow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice := b.newUser(t)
	b.addConversation(t, alice, "c", "alice's")
	id, err := tenant.ParseUser(schemaOf(alice.UserID()))
	require.NoError(t, err)
	require.Equal(t, alice.UserID(), id)
	for _, bad := range []string{"", "u_", "alice", "u_" + strings.Repeat("0", 31), "u_" + strings.Repeat("g", 32), "u_" + strings.Repeat("0", 34)} {
		_, err := tenant.ParseUser(bad)
		require.Error(t, err, bad)
	}
	d, err := b.DB.Fleet().Show(ctx, id)
	require.NoError(t, err)
	require.True(t, d.Exists)
	require.Equal(t, tenant.EntryOK, d.State)
	require.Equal(t, d.Version, d.SchemaVersion)
	require.Positive(t, d.Bytes)
	require.GreaterOrEqual(t, len(d.Tables), 4)
	_, err = b.DB.Fleet().Show(ctx, uuid.New())
	require.ErrorIs(t, err, tenant.ErrNoEntry)
	_, err = b.DB.Fleet().Show(ctx, uuid.Nil)
	require.ErrorIs(t, err, tenant.ErrNoEntry)
}

// renamedKey is a ring whose key has the name of the tests' key and other bytes.
func renamedKey(t *testing.T) *secret.KeyRing {
	t.Helper()
	ring, err := secret.ParseKeyRing(secret.New("test:" + base64.StdEncoding.EncodeToString(make([]byte, 32))))
	require.NoError(t, err)
	return ring
}
