package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
)

// psql opens psql on the running stack as the owner of the twobrains database. With an e-mail address first, unqualified
// names mean that user's private brain. Further arguments go to psql.
func psql(ctx context.Context, c *checkout, arguments []string) error {
	s, err := c.readState()
	if err != nil {
		return err
	}
	path, err := exec.LookPath("psql")
	if err != nil {
		return errors.New("psql is not installed; on Debian: sudo apt-get install -y postgresql-client")
	}
	searchPath := "public"
	if len(arguments) > 0 && strings.Contains(arguments[0], "@") {
		schema, err := privateBrain(ctx, s, arguments[0])
		if err != nil {
			return err
		}
		say("The private brain of %s is the schema %s", arguments[0], schema)
		searchPath, arguments = schema+",public", arguments[1:]
	}
	database, err := url.Parse(s.OwnerURL)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	password, _ := database.User.Password()
	cmd := exec.Command(path, arguments...)
	// By environment: an argument with a password shows in every list of processes.
	cmd.Env = append(os.Environ(),
		"PGHOST="+database.Hostname(), "PGPORT="+database.Port(), "PGUSER="+database.User.Username(), "PGPASSWORD="+password,
		"PGDATABASE="+strings.TrimPrefix(database.Path, "/"), "PGOPTIONS=-c search_path="+searchPath)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return runGroup(ctx, cmd)
}

// privateBrain returns the schema of a user: "u_" and the 32 hex digits of the identity's id.
func privateBrain(ctx context.Context, s state, email string) (string, error) {
	id, err := identityOf(ctx, s, strings.ToLower(email))
	if err != nil {
		return "", err
	}
	if id == "" {
		return "", fmt.Errorf("nobody has the address %s; create them: go run ./cmd/dev user %s", email, email)
	}
	return "u_" + strings.ReplaceAll(id, "-", ""), nil
}
