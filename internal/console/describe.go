package console

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"twobrains/internal/tenant"
)

// Table is a table that can be queried.
type Table struct {
	Name    string        `json:"name"`
	Comment string        `json:"comment"`
	Columns []TableColumn `json:"columns"`
}

// TableColumn is a column of a table.
type TableColumn struct {
	Name     string `json:"name"`
	Type     string `json:"type" doc:"As Postgres writes it." example:"timestamp with time zone"`
	Nullable bool   `json:"nullable"`
	Comment  string `json:"comment"`
}

// Description is what a query can be made of.
type Description struct {
	Tables []Table
	// Functions that a query may call and this server has, in the order of the alphabet; those of the product with their schema.
	Functions []string
}

// vocabulary is what the guard knows of this database.
type vocabulary struct {
	described          Description
	columns, functions map[string]bool
	// qualified are functions that are called with their schema.
	qualified map[string]bool
}

// vocabularyAge is how long it is believed: a migration by a newer binary may add tables meanwhile.
const vocabularyAge = time.Minute

type vocabularyCache struct {
	mu    sync.Mutex
	until time.Time
	value vocabulary
}

// Schema describes what can be queried: tables and functions.
func (c *Console) Schema(ctx context.Context) (Description, error) {
	if err := c.exists(); err != nil {
		return Description{}, err
	}
	v, err := c.vocabulary(ctx)
	return v.described, err
}

func (c *Console) vocabulary(ctx context.Context) (vocabulary, error) {
	c.words.mu.Lock()
	defer c.words.mu.Unlock()
	if c.now().Before(c.words.until) {
		return c.words.value, nil
	}
	describe := c.opts.DB.Describe
	if c.opts.Analyst {
		describe = c.opts.DB.DescribePublic
	}
	d, err := describe(ctx)
	if err != nil {
		return vocabulary{}, err
	}
	c.words.value, c.words.until = newVocabulary(d), c.now().Add(vocabularyAge)
	return c.words.value, nil
}

func newVocabulary(d tenant.Description) vocabulary {
	v := vocabulary{columns: map[string]bool{}, functions: make(map[string]bool, len(d.Functions)), qualified: map[string]bool{}}
	v.described.Tables = make([]Table, len(d.Tables))
	for i, t := range d.Tables {
		table := Table{Name: t.Name, Comment: cmp.Or(t.Comment, comments[t.Name]), Columns: make([]TableColumn, len(t.Columns))}
		for j, column := range t.Columns {
			v.columns[column.Name] = true
			table.Columns[j] = TableColumn{Name: column.Name, Type: column.Type, Nullable: column.Nullable, Comment: cmp.Or(column.Comment, comments[t.Name+"."+column.Name])}
		}
		v.described.Tables[i] = table
	}
	for _, f := range d.Functions {
		v.functions[f] = true
		if functions[f] {
			v.described.Functions = append(v.described.Functions, f)
		}
	}
	for _, f := range d.Qualified {
		v.qualified[f] = true
		v.described.Functions = append(v.described.Functions, f)
	}
	slices.Sort(v.described.Functions)
	v.described.Functions = slices.Compact(v.described.Functions)
	return v
}
