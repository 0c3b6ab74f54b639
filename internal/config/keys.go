package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"

	"twobrains/internal/secret"
)

// Key is one variable, as documented.
type Key struct {
	// Name of the variable.
	Name string
	// Group is the heading it stands under.
	Group string
	// Default, "" for none.
	Default string
	// Doc is one or two sentences.
	Doc string
	// Secret: printed redacted, and may be given as a file by Name_FILE.
	Secret bool
	// Needed: the server does not start without it.
	Needed bool

	need  string
	field string
	index []int
}

// Keys lists every variable in the order of the documentation.
var Keys = sync.OnceValue(func() []Key {
	var keys []Key
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		group := config.Field(i)
		for j := range group.Type.NumField() {
			f := group.Type.Field(j)
			keys = append(keys, Key{
				Name:    f.Tag.Get("env"),
				Group:   group.Tag.Get("group"),
				Default: f.Tag.Get("envDefault"),
				Doc:     f.Tag.Get("doc"),
				Secret:  f.Type == reflect.TypeFor[secret.Secret](),
				Needed:  f.Tag.Get("need") != "",
				need:    f.Tag.Get("need"),
				field:   f.Name,
				index:   []int{i, j},
			})
		}
	}
	return keys
})

func (c *Config) value(k Key) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(k.index) }

// Print writes the effective configuration as KEY=value lines; secrets show as [redacted].
func (c *Config) Print(w io.Writer) error {
	group := ""
	for _, k := range Keys() {
		if k.Group != group {
			if group != "" {
				fmt.Fprintln(w)
			}
			group = k.Group
			fmt.Fprintf(w, "# %s\n", group)
		}
		value := c.value(k).Interface()
		if d, ok := value.(time.Duration); ok {
			value = short(d)
		}
		if _, err := fmt.Fprintf(w, "%s=%v\n", k.Name, value); err != nil {
			return fmt.Errorf("print configuration: %w", err)
		}
	}
	return nil
}

const markdownIntro = `# Configuration

The server is configured by environment variables and by nothing else. This page is printed by
` + "`twobrains config --markdown`" + `; ` + "`twobrains config`" + ` prints the effective values with secrets redacted.

An empty value counts as absent. Every secret may be given as a file instead: ` + "`DATABASE_URL_FILE=/run/secrets/database-url`" + `
stands for ` + "`DATABASE_URL`" + `. Durations are written like ` + "`500ms`, `30s`, `10m`" + `; rates like ` + "`300/1m`" + ` or ` + "`off`" + `. What
is wrong is reported all at once, and the server does not start.
`

// Markdown writes the documentation of every key.
func Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(markdownIntro)
	group := ""
	for _, k := range Keys() {
		if k.Group != group {
			group = k.Group
			fmt.Fprintf(&b, "\n## %s\n\n| Variable | Default | Meaning |\n|---|---|---|\n", group)
		}
		def := "–"
		switch {
		case k.Default != "":
			def = "`" + k.Default + "`"
		case k.Needed:
			def = "required"
		}
		name := "`" + k.Name + "`"
		if k.Secret {
			name += " (secret)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, def, k.Doc)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print documentation: %w", err)
	}
	return nil
}
