package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// ofNobody are the queries whose table belongs to no user; they work unbound, and that is their purpose.
var ofNobody = map[string]bool{
	"InstanceBeat": true, "InstanceDead": true, "InstanceDelete": true, "InstanceDeleteStale": true, "InstanceOthers": true,
	"RunTicketStops": true, "RunTicketTidy": true, "RunTicketsDead": true, "RunTicketsOf": true,
}

// ofEverybody are the queries of what everybody may know: plans, models, announcements. Nothing of them is a user's.
var ofEverybody = map[string]bool{
	"PlanList": true, "AnnouncementList": true, "AnnouncementsToShow": true, "ModelSettingList": true,
}

// query is a generated query, found by reflection: whatever sqlc makes next is covered by itself.
type query struct {
	name   string
	method reflect.Value
}

func generated() []query {
	var found []query
	for _, queries := range []any{publicdb.New(), tenantdb.New()} {
		v := reflect.ValueOf(queries)
		for i := range v.NumMethod() {
			found = append(found, query{v.Type().Method(i).Name, v.Method(i)})
		}
	}
	return found
}

// call runs a query with arguments that aim at the victim.
func (q query) call(ctx context.Context, db tenant.DBTX, w *world) (result any, err error) {
	args := []reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(db)}
	for i := 2; i < q.method.Type().NumIn(); i++ {
		v := reflect.New(q.method.Type().In(i)).Elem()
		aim(v, w)
		args = append(args, v)
	}
	out := q.method.Call(args)
	err, _ = out[len(out)-1].Interface().(error)
	if len(out) > 1 {
		result = out[0].Interface()
	}
	return result, err
}

// aim fills an argument with the victim's values.
func aim(v reflect.Value, w *world) {
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(w.bob.UserID()))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)))
		return
	case json.RawMessage, []byte:
		v.SetBytes([]byte("{}"))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		aim(v.Elem(), w)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		aim(v.Index(0), w)
	case reflect.Struct:
		for i := range v.NumField() {
			aim(v.Field(i), w)
		}
	case reflect.String:
		v.SetString("conversation-" + canary)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1000)
	case reflect.Float64:
		v.SetFloat(1000)
	default:
		panic("no value for " + v.Type().String())
	}
}

// isNothing reports whether a result holds no row and no effect.
func isNothing(result any) bool {
	v := reflect.ValueOf(result)
	if result == nil || v.IsZero() || (v.Kind() == reflect.Slice && v.Len() == 0) {
		return true
	}
	if list, ok := result.(json.RawMessage); ok {
		return string(list) == "null"
	}
	if v.Kind() != reflect.Struct {
		return false
	}
	for _, field := range v.Fields() {
		if !isNothing(field.Interface()) {
			return false
		}
	}
	return true
}

func TestGeneratedQueriesUnbound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	queries := generated()
	require.Greater(t, len(queries), 25)
	before := w.state(t)
	for _, q := range queries {
		conn := w.App(t)
		result, err := q.call(t.Context(), conn, w)
		if ofNobody[q.name] {
			require.NoError(t, err, q.name)
		} else if err == nil && !ofEverybody[q.name] {
			require.True(t, isNothing(result), "%s unbound gave %v", q.name, result)
		}
		require.Equal(t, before, w.state(t), "%s unbound touched something", q.name)
		require.NoError(t, conn.Close(t.Context()))
	}
}

// Bound to Alice and given Bob's ids, a query is about Alice's rows or about none.
func TestGeneratedQueriesWithAnothersIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	for _, q := range generated() {
		err := w.alice.Tx(t.Context(), func(tx *tenant.Tx) error {
			result, err := q.call(t.Context(), tx, w)
			shown := strings.ReplaceAll(fmt.Sprintf("%+v %s", result, encode(result)), "conversation-"+canary, "")
			require.NotContains(t, shown, canary, q.name)
			if err == nil {
				err = pgx.ErrTxClosed // undo it: the next query meets the same rows
			}
			return err
		})
		require.Error(t, err, q.name)
		require.Equal(t, before, w.state(t), "%s touched another user's rows", q.name)
	}
	w.own(t)
}

func encode(v any) string {
	out, _ := json.Marshal(v)
	return string(out)
}
