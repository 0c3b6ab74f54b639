package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Purpose says which keys must be there.
type Purpose string

const (
	// ForServe needs everything.
	ForServe Purpose = "serve"
	// ForDatabase needs what reaches the brains, as migrations do.
	ForDatabase Purpose = "database"
	// ForShow needs nothing: values are checked, absent ones may stay so.
	ForShow Purpose = "show"
)

// Error lists everything that is wrong with a configuration, one plain sentence each. No sentence repeats a secret.
type Error struct{ Problems []string }

func (e *Error) Error() string {
	return "configuration: " + strings.Join(e.Problems, "; ")
}

// Load reads the variables given as KEY=value, as os.Environ gives them. An empty value counts as absent. The error is an
// *Error with all problems at once.
func Load(environ []string, purpose Purpose) (*Config, error) {
	values, problems := readEnviron(environ)
	c := &Config{}
	err := env.ParseWithOptions(c, env.Options{Environment: values, FuncMap: parsers})
	problems = append(problems, describe(err)...)
	c.derive()
	broken := map[string]bool{}
	for _, p := range problems {
		key, _, _ := strings.Cut(p, " ")
		broken[key] = true
	}
	for _, p := range c.validate(purpose) {
		if key, _, _ := strings.Cut(p, " "); !broken[key] {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return nil, &Error{Problems: problems}
	}
	return c, nil
}

// readEnviron keeps the keys that are ours, and reads the files that KEY_FILE names for secrets.
func readEnviron(environ []string) (values map[string]string, problems []string) {
	given := make(map[string]string, len(environ))
	for _, entry := range environ {
		if key, value, ok := strings.Cut(entry, "="); ok && value != "" {
			given[key] = value
		}
	}
	values = map[string]string{}
	for _, k := range Keys() {
		if value, ok := given[k.Name]; ok {
			values[k.Name] = value
		}
		path, ok := given[k.Name+"_FILE"]
		if !ok || !k.Secret {
			continue
		}
		if values[k.Name] != "" {
			problems = append(problems, fmt.Sprintf("%s and %s_FILE are both set; keep one", k.Name, k.Name))
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s cannot be read from its file: %v", k.Name, err))
			continue
		}
		values[k.Name] = strings.TrimSpace(string(text))
	}
	return values, problems
}

var (
	errWhole    = errors.New("want a whole number")
	errDuration = errors.New("want a duration such as 500ms, 30s or 10m")
	errLevel    = errors.New("want DEBUG, INFO, WARN or ERROR")
)

// parsers say in plain words what is wrong, which the standard ones do not.
var parsers = map[reflect.Type]env.ParserFunc{
	reflect.TypeFor[int](): func(v string) (any, error) {
		n, err := strconv.Atoi(v)
		if err != nil {
			return nil, errWhole
		}
		return n, nil
	},
	reflect.TypeFor[time.Duration](): func(v string) (any, error) {
		d, err := time.ParseDuration(v)
		if err != nil {
			return nil, errDuration
		}
		return d, nil
	},
}

// describe turns the parser's errors into sentences that name the key.
func describe(err error) []string {
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	keys := map[string]string{}
	for _, k := range Keys() {
		keys[k.field] = k.Name
	}
	var problems []string
	for _, one := range all.Errors {
		var parse env.ParseError
		if errors.As(one, &parse) {
			if parse.Type == reflect.TypeFor[slog.Level]() {
				parse.Err = errLevel
			}
			problems = append(problems, keys[parse.Name]+" is invalid: "+parse.Err.Error())
			continue
		}
		problems = append(problems, one.Error())
	}
	return problems
}
