package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// loadEnv writes to the environment of the process: no t.Parallel here.
func TestEnvFile(t *testing.T) {
	c := &checkout{root: t.TempDir()}
	require.NoError(t, c.loadEnv(), "the file is optional")

	for _, name := range []string{"DEV_TEST_PLAIN", "DEV_TEST_QUOTED", "DEV_TEST_EXPORTED", "DEV_TEST_EMPTY"} {
		t.Setenv(name, "") // restored afterwards
		require.NoError(t, os.Unsetenv(name))
	}
	t.Setenv("DEV_TEST_SET", "already")
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(c.root, ".env"), []byte(text), 0o600))
	}
	write("# a comment\n\nDEV_TEST_PLAIN=a=b # c\nDEV_TEST_QUOTED = \"with space \"\nexport DEV_TEST_EXPORTED='x'\nDEV_TEST_EMPTY=\nDEV_TEST_SET=new\n")
	require.NoError(t, c.loadEnv())
	for name, want := range map[string]string{
		"DEV_TEST_PLAIN": "a=b # c", "DEV_TEST_QUOTED": "with space ", "DEV_TEST_EXPORTED": "x", "DEV_TEST_EMPTY": "", "DEV_TEST_SET": "already",
	} {
		value, ok := os.LookupEnv(name)
		require.True(t, ok, name)
		require.Equal(t, want, value, name)
	}

	write("DEV_TEST_PLAIN=1\nsk-a-key-on-a-line-of-its-own\n")
	err := c.loadEnv()
	require.ErrorContains(t, err, ".env:2: not of the form KEY=VALUE")
	require.NotContains(t, err.Error(), "sk-a-key")
}

func TestOnceForRunsAgainOnlyForAnotherHash(t *testing.T) {
	t.Parallel()
	c := &checkout{dev: t.TempDir()}
	hash, present, runs := "one", true, 0
	do := func() {
		t.Helper()
		require.NoError(t, c.onceFor("thing", func() (string, error) { return hash, nil }, func() bool { return present }, func() error {
			runs++
			return nil
		}))
	}
	do()
	do()
	require.Equal(t, 1, runs)
	hash = "two"
	do()
	require.Equal(t, 2, runs)
	present = false
	do()
	require.Equal(t, 3, runs)
}
