package api_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
)

const adminModels = "/api/admin/models"

type prices struct{ Input, CachedInput, Output int64 }

type adminModel struct {
	ID, Provider, Name, Access  string
	Enabled, IsDefault, Changed bool
	Prices, ListedPrices        prices
}

func adminModelOf(t *testing.T, c *apitest.Client, id string) adminModel {
	t.Helper()
	var list struct{ Models []adminModel }
	c.Get(t, adminModels).Want(t, 200).Decode(t, &list)
	for _, m := range list.Models {
		if m.ID == id {
			return m
		}
	}
	t.Fatalf("%s is not listed", id)
	return adminModel{}
}

type offeredModel struct {
	ID, Name, Lack, Reason string
	Available, Default     bool
	Prices                 prices
}

// offered is a model as somebody sees it, and the id of the one that they would use.
func offered(t *testing.T, c *apitest.Client, id string) (found offeredModel, standard string) {
	t.Helper()
	var list page[offeredModel]
	c.Get(t, "/api/models").Want(t, 200).Decode(t, &list)
	for _, m := range list.Items {
		if m.ID == id {
			found = m
		}
		if m.Default {
			standard = m.ID
		}
	}
	require.Equal(t, id, found.ID)
	return found, standard
}

func setModel(t *testing.T, c *apitest.Client, body string) {
	t.Helper()
	c.Do(t, "PUT", adminModels, body).Want(t, 204)
}

// withModels is the configuration of a server that has keys for what it cannot reach.
var withModels = map[string]string{"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_MODELS": "a;input=10;cached=5;price_output=20, b;input=7", "DEFAULT_MODEL": "openai:b"}

func TestAdminModels(t *testing.T) {
	t.Parallel()
	for name, unprepared := range map[string]bool{"prepared": false, "unprepared": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testAdminModels(t, apitest.Start(t, apitest.Options{Unprepared: unprepared, Env: withModels}))
		})
	}
}

func testAdminModels(t *testing.T, s *apitest.Server) {
	c, _ := s.NewAdmin(t)
	user := s.NewUser()
	listed := prices{10, 5, 20}
	require.Equal(t, adminModel{"openai:a", "openai", "a", "platform", true, false, false, listed, listed}, adminModelOf(t, c, "openai:a"))
	_, standard := offered(t, user, "openai:a")
	require.Equal(t, "openai:b", standard, "the configuration's")

	// A default comes before the configuration's, and after the user's own.
	setModel(t, c, `{"id":"openai:a","enabled":true,"isDefault":true,"prices":null}`)
	_, standard = offered(t, user, "openai:a")
	require.Equal(t, "openai:a", standard)
	user.Do(t, "PATCH", "/api/settings", `{"defaultModel":"openai:b"}`).Want(t, 200)
	_, standard = offered(t, user, "openai:a")
	require.Equal(t, "openai:b", standard)
	other := s.NewUser()
	setModel(t, c, `{"id":"demo:demo","enabled":true,"isDefault":true,"prices":null}`)
	_, standard = offered(t, other, "openai:a")
	require.Equal(t, "demo:demo", standard)
	require.False(t, adminModelOf(t, c, "openai:a").IsDefault, "there is one default")
	require.False(t, adminModelOf(t, c, "openai:a").Changed)
	require.True(t, adminModelOf(t, c, "demo:demo").IsDefault)

	// Prices.
	setModel(t, c, `{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":30,"cachedInput":0,"output":10000000000}}`)
	own := prices{30, 0, 10_000_000_000}
	m := adminModelOf(t, c, "openai:a")
	require.Equal(t, own, m.Prices)
	require.Equal(t, listed, m.ListedPrices)
	require.True(t, m.Changed)
	seen, _ := offered(t, other, "openai:a")
	require.Equal(t, own, seen.Prices)
	setModel(t, c, `{"id":"openai:a","enabled":true,"isDefault":false,"prices":null}`)
	require.Equal(t, listed, adminModelOf(t, c, "openai:a").Prices)

	// Not offered: known by its name, and nobody's to choose, with a key of their own neither.
	setModel(t, c, `{"id":"demo:demo","enabled":false,"isDefault":false,"prices":null}`)
	seen, standard = offered(t, other, "demo:demo")
	require.False(t, seen.Available)
	require.Equal(t, "disabled", seen.Lack)
	require.NotEmpty(t, seen.Reason)
	require.Equal(t, "Demo", seen.Name)
	require.Equal(t, "openai:b", standard, "the default that was set is off")
	scenario{method: "POST", path: "/api/ai", body: ask("c", "m1", "demo:demo", "hello"), status: 403, code: "model_unavailable"}.run(t, other)
	other.Do(t, "PUT", "/api/settings/keys/openai", `{"key":"sk-0123456789abcdef"}`).Want(t, 200)
	setModel(t, c, `{"id":"openai:a","enabled":false,"isDefault":false,"prices":null}`)
	seen, _ = offered(t, other, "openai:a")
	require.Equal(t, "disabled", seen.Lack)

	// All of it is on record.
	scenario{path: "/api/admin/audit?action=model_settings.update", status: 200, has: []string{`"target":"demo:demo"`, `"enabled":"false"`}}.run(t, c)
}

func TestAdminModelsRefusals(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: withModels})
	c, _ := s.NewAdmin(t)
	for body, path := range map[string]string{
		`{"id":"nobody:nothing","enabled":true,"isDefault":false,"prices":null}`:                                                "id",
		`{"id":"","enabled":true,"isDefault":false,"prices":null}`:                                                              "id",
		`{"id":"openai:a","enabled":false,"isDefault":true,"prices":null}`:                                                      "isDefault",
		`{"id":"openai:a","enabled":true,"isDefault":false}`:                                                                    "prices",
		`{"id":"openai:a","isDefault":false,"prices":null}`:                                                                     "enabled",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":-1,"cachedInput":0,"output":0}}`:                   "prices.input",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":1,"cachedInput":0,"output":10000000001}}`:          "prices.output",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":1,"cachedInput":0,"output":99999999999999999999}}`: "prices.output",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":1,"cachedInput":2,"output":0}}`:                    "prices.cachedInput",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":1.5,"cachedInput":0,"output":0}}`:                  "prices.input",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":1,"cachedInput":0}}`:                               "prices",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":{"input":1,"cachedInput":0,"output":0,"outputs":0}}`:        "prices.outputs",
		`{"id":"openai:a","enabled":true,"isDefault":false,"prices":null,"price":0}`:                                            "price",
	} {
		p := c.Do(t, "PUT", adminModels, body).Refused(t, 422, "invalid")
		require.NotEmpty(t, p.Errors, body)
		require.Contains(t, []string{path, "", "body"}, p.Errors[0].Path, "%s: %+v", body, p.Errors)
	}
	require.False(t, adminModelOf(t, c, "openai:a").Changed)
	user := s.NewUser()
	user.Get(t, adminModels).Refused(t, 404, "not_found")
	user.Do(t, "PUT", adminModels, `{"id":"openai:a","enabled":false,"isDefault":false,"prices":null}`).Refused(t, 404, "not_found")
}

// Of several who make a default at once there is one in the end.
func TestAdminModelsOneDefault(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: withModels})
	c, _ := s.NewAdmin(t)
	ids := []string{"openai:a", "openai:b", "demo:demo"}
	status := make(chan int)
	for n := range 12 {
		go func() {
			status <- c.Do(t, "PUT", adminModels, `{"id":"`+ids[n%3]+`","enabled":true,"isDefault":true,"prices":null}`).Status
		}()
	}
	won := 0
	for range 12 {
		switch <-status {
		case 204:
			won++
		case 409:
		default:
			t.Error("neither done nor refused")
		}
	}
	require.Positive(t, won)
	defaults := 0
	for _, id := range ids {
		if adminModelOf(t, c, id).IsDefault {
			defaults++
		}
	}
	require.Equal(t, 1, defaults)
}

func TestAdminModelsReachOtherReplicas(t *testing.T) {
	t.Parallel()
	one, two := replicas(t, withModels)
	c, _ := one.NewAdmin(t)
	user := at(two, one.As(uuid.New()))
	setModel(t, c, `{"id":"openai:a","enabled":true,"isDefault":true,"prices":{"input":1,"cachedInput":1,"output":1}}`)
	eventually(t, "told", func() bool {
		seen, standard := offered(t, user, "openai:a")
		return standard == "openai:a" && seen.Prices == prices{1, 1, 1}
	})
	// What nobody tells, as where the broadcast is lost, is seen as well.
	_, err := one.Database.Owner(t).Exec(t.Context(), "UPDATE public.model_settings SET is_default = false, enabled = false")
	require.NoError(t, err)
	for _, s := range []*apitest.Server{one, two} {
		eventually(t, "seen", func() bool {
			seen, _ := offered(t, at(s, user), "openai:a")
			return seen.Lack == "disabled"
		})
	}
	// One that starts later knows from its first request on.
	require.NoError(t, two.Stop())
	three := apitest.Start(t, apitest.Options{Env: withModels, Database: one.Database})
	seen, standard := offered(t, three.NewUser(), "openai:a")
	require.Equal(t, "disabled", seen.Lack)
	require.Equal(t, "openai:b", standard)
}

// A server that cannot read the settings has the models as listed, says so once, and has them when it can.
func TestAdminModelsAway(t *testing.T) {
	t.Parallel()
	one := apitest.Start(t, apitest.Options{Env: withModels})
	c, _ := one.NewAdmin(t)
	setModel(t, c, `{"id":"openai:a","enabled":false,"isDefault":false,"prices":null}`)
	owner := one.Database.Owner(t)
	_, err := owner.Exec(t.Context(), "ALTER TABLE public.model_settings RENAME TO away")
	require.NoError(t, err)
	two := apitest.Start(t, apitest.Options{Env: withModels, Database: one.Database})
	seen, _ := offered(t, two.NewUser(), "openai:a")
	require.True(t, seen.Available, "as listed")
	seen, _ = offered(t, one.NewUser(), "openai:a")
	require.False(t, seen.Available, "as known last")
	_, err = owner.Exec(t.Context(), "ALTER TABLE public.away RENAME TO model_settings")
	require.NoError(t, err)
	user := two.NewUser()
	eventually(t, "read again", func() bool {
		seen, _ := offered(t, user, "openai:a")
		return seen.Lack == "disabled"
	})
}
