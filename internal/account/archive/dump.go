package archive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
)

// DumpTable is a table's rows in brain.sql, as COPY reads them.
type DumpTable struct {
	Name    string
	Columns []string
	// Rows is to be read to its end before the next table.
	Rows io.Reader
}

var copyLine = regexp.MustCompile(`^COPY ([a-z_][a-z0-9_]*) \(([a-z0-9_, ]+)\) FROM stdin;$`)

// Dump calls each with the rows of every table in brain.sql. Of its SQL nothing is run, and nothing but these rows is read: who may
// change the file could write anything there.
func (a *Archive) Dump(each func(DumpTable) error) error {
	f, err := open(a.byName[dumpName])
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) { // a statement that is none of ours
			_, err = r.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m := copyLine.FindStringSubmatch(strings.TrimSuffix(string(line), "\n"))
		if long || m == nil {
			continue
		}
		rows := &rowReader{r: r, lineStart: true}
		if err := each(DumpTable{Name: m[1], Columns: strings.Split(m[2], ", "), Rows: rows}); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, rows); err != nil {
			return err
		}
	}
}

// rowReader reads up to a line that is \. alone.
type rowReader struct {
	r         *bufio.Reader
	rest      []byte
	lineStart bool
	done      bool
}

// Read implements io.Reader.
func (r *rowReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.done {
			return 0, io.EOF
		}
		line, err := r.r.ReadSlice('\n')
		if r.lineStart && bytes.Equal(line, []byte("\\.\n")) {
			r.done = true
			continue
		}
		if errors.Is(err, io.EOF) {
			return 0, refuse(CodeIncomplete, dumpName, nil)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return 0, err
		}
		r.lineStart = err == nil
		r.rest = line // valid until the next read of r.r, which comes when it is used up
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
