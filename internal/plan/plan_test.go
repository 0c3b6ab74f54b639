package plan_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/plan"
)

func TestReads(t *testing.T) {
	t.Parallel()
	c := plan.Configured{Day: 5, Month: 50, StorageBytes: 1000}
	for name, tc := range map[string]struct {
		row  string
		want plan.Limits
	}{
		"nothing is set": {`{}`, plan.Limits{Day: new(int32(5)), Month: new(int32(50)), Storage: new(int64(1000))}},
		"no plan, an exception": {`{"PlanID": null, "Day": 7, "Cost": 3, "Storage": 0}`,
			plan.Limits{Day: new(int32(7)), Month: new(int32(50)), Cost: new(int64(3)), Storage: new(int64(0))}},
		"a plan without limits": {`{"PlanID": "all", "PlanName": "All"}`, plan.Limits{PlanID: new("all"), PlanName: new("All")}},
		"a plan": {`{"PlanID": "p", "PlanName": "P", "Day": 0, "Month": 1, "Cost": 2, "Tokens": 3, "Storage": 4, "Models": []}`,
			plan.Limits{PlanID: new("p"), PlanName: new("P"), Day: new(int32(0)), Month: new(int32(1)), Cost: new(int64(2)), Tokens: new(int64(3)), Storage: new(int64(4)), Models: []string{}}},
	} {
		got, err := plan.Read(json.RawMessage(tc.row), c)
		require.NoError(t, err, name)
		require.Equal(t, tc.want, got, name)
	}
	unlimited, err := plan.Read(json.RawMessage(`{}`), plan.Configured{})
	require.NoError(t, err)
	require.Nil(t, unlimited.Storage, "0 bytes of the configuration are no limit")
	_, err = plan.Read(json.RawMessage(`[]`), c)
	require.Error(t, err)
}

func TestAllows(t *testing.T) {
	t.Parallel()
	require.True(t, plan.Limits{}.Allows("a"))
	require.False(t, plan.Limits{Models: []string{}}.Allows("a"))
	require.True(t, plan.Limits{Models: []string{"a"}}.Allows("a"))
}
