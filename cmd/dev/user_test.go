package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusalSaysWhatKratosSays(t *testing.T) {
	t.Parallel()
	var f flow
	require.NoError(t, json.Unmarshal([]byte(`{"id":"1","state":"sent_email","ui":{
		"messages":[{"id":4010008,"text":"The code is invalid.","type":"error"},{"id":1,"text":"An e-mail was sent.","type":"info"}],
		"nodes":[{"messages":[{"id":2,"text":"Too short.","type":"error"}]},{"messages":[]}]}}`), &f))
	require.EqualError(t, f.refusal("login"), "login: The code is invalid. Too short.")

	require.NoError(t, json.Unmarshal([]byte(`{"error":{"message":"Gone.","reason":"The flow has expired."}}`), &f))
	f.UI.Messages, f.UI.Nodes = nil, nil
	require.EqualError(t, f.refusal("registration"), "registration: Gone. The flow has expired.")
}
