package console

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// encoder writes rows as JSON: an array of arrays.
//
//   - numbers are JSON numbers where a double holds them exactly, else strings; NaN and Infinity are strings
//   - timestamps and dates are ISO 8601, those with a time zone in UTC
//   - json and jsonb are what they are
//   - bytea is its size: {"bytes": 12}
//   - all else is a string as Postgres writes it
type encoder struct {
	columns []encoding
	out     bytes.Buffer
	rows    int
	// limit of the whole, in bytes.
	limit int
}

type encoding func(out *bytes.Buffer, value []byte)

func newEncoder(limit int) *encoder {
	e := &encoder{limit: limit}
	e.out.WriteByte('[')
	return e
}

func (e *encoder) setColumns(oids []uint32) {
	e.columns = make([]encoding, len(oids))
	for i, oid := range oids {
		e.columns[i] = encodingOf(oid)
	}
}

// add writes a row and reports whether there was room for it.
func (e *encoder) add(values [][]byte) bool {
	before := e.out.Len()
	if e.rows > 0 {
		e.out.WriteByte(',')
	}
	e.out.WriteByte('[')
	for i, value := range values {
		if i > 0 {
			e.out.WriteByte(',')
		}
		if value == nil {
			e.out.WriteString("null")
		} else {
			e.columns[i](&e.out, value)
		}
		if e.out.Len()+2 > e.limit {
			e.out.Truncate(before)
			return false
		}
	}
	e.out.WriteByte(']')
	e.rows++
	return true
}

// finish returns the array of all rows.
func (e *encoder) finish() json.RawMessage {
	e.out.WriteByte(']')
	return e.out.Bytes()
}

func encodingOf(oid uint32) encoding {
	switch oid {
	case pgtype.BoolOID:
		return encodeBool
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID:
		return encodeNumber
	case pgtype.Float4OID, pgtype.Float8OID:
		return encodeFloat
	case pgtype.JSONOID, pgtype.JSONBOID:
		return encodeJSON
	case pgtype.TimestamptzOID, pgtype.TimestampOID:
		return encodeTimestamp
	case pgtype.ByteaOID:
		return encodeSize
	}
	return encodeText
}

func encodeText(out *bytes.Buffer, value []byte) {
	text, err := json.Marshal(string(value))
	if err != nil {
		text = []byte("null") // a string has a JSON form
	}
	out.Write(text)
}

func encodeBool(out *bytes.Buffer, value []byte) {
	out.WriteString(strconv.FormatBool(string(value) == "t"))
}

// exactDigits is what every double holds exactly: 15 significant digits.
const exactDigits = 15

// encodeNumber writes integers and numerics, which Postgres writes without an exponent.
func encodeNumber(out *bytes.Buffer, value []byte) {
	digits := 0
	for _, c := range value {
		if isDigit(c) {
			digits++
		} else if c != '-' && c != '.' {
			encodeText(out, value) // NaN, Infinity
			return
		}
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if digits <= exactDigits || err == nil && n >= -1<<53 && n <= 1<<53 {
		out.Write(value)
		return
	}
	encodeText(out, value)
}

// encodeFloat writes doubles, of which Postgres writes as many digits as it takes to read the same again.
func encodeFloat(out *bytes.Buffer, value []byte) {
	if json.Valid(value) {
		out.Write(value)
		return
	}
	encodeText(out, value)
}

func encodeJSON(out *bytes.Buffer, value []byte) {
	// Postgres takes what Go does not: deeper nesting than 10,000.
	if !json.Valid(value) {
		encodeText(out, value)
		return
	}
	before := out.Len()
	if err := json.Compact(out, value); err != nil {
		out.Truncate(before)
		encodeText(out, value)
	}
}

// encodeTimestamp turns "2026-01-02 03:04:05.6+00" into "2026-01-02T03:04:05.6Z"; infinity and years before Christ stay as they are.
func encodeTimestamp(out *bytes.Buffer, value []byte) {
	text := string(value)
	if day, clock, ok := strings.Cut(text, " "); ok && !strings.HasSuffix(clock, " BC") {
		if hours, zoned := strings.CutSuffix(clock, "+00"); zoned {
			clock = hours + "Z"
		}
		text = day + "T" + clock
	}
	encodeText(out, []byte(text))
}

func encodeSize(out *bytes.Buffer, value []byte) {
	out.WriteString(`{"bytes":`)
	out.WriteString(strconv.Itoa(len(value)))
	out.WriteByte('}')
}
