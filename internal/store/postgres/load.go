package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// From how many rows on arrays, which are parsed and planned once, are faster than inserts, and COPY, which needs round
// trips of its own, is faster than arrays.
const (
	arraysFrom = 4
	copyFrom   = 1000
)

// copySignature begins the binary format of COPY: the signature, no flags, no header extension.
const copySignature = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// Load implements store.Tx.
func (t *tx) Load(ctx context.Context, table string, columns []string, rows [][]any) error {
	list, marks := strings.Join(columns, ", "), make([]string, len(columns))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	into, values := "INSERT INTO "+table+" ("+list+")", strings.Join(marks, ", ")
	insert := into + " VALUES (" + values + ")"
	if len(rows) < arraysFrom {
		return t.ExecMany(ctx, insert, rows)
	}
	types, err := t.paramTypes(ctx, insert) // which are the columns'
	if err != nil {
		return err
	}
	if len(rows) < copyFrom {
		st, err := arrays(into+" SELECT * FROM unnest("+values+")", types, rows)
		if err != nil {
			return fmt.Errorf("load %s: %w", table, err)
		}
		return t.later(ctx, st)
	}
	data, err := encodeCopy(types, rows)
	if err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	if err := t.start(ctx); err != nil {
		return err
	}
	_, err = t.pg.CopyFrom(ctx, bytes.NewReader(data), "COPY "+table+" ("+list+") FROM STDIN (FORMAT binary)")
	if err != nil {
		t.failed = fmt.Errorf("load %s: %w", table, err)
	}
	return t.failed
}

// arrays makes the one execution of a statement that takes each column of the rows as an array.
func arrays(sql string, types []uint32, rows [][]any) (statement, error) {
	st := statement{sql: sql, types: make([]uint32, len(types)), sets: [][][]byte{make([][]byte, len(types))}}
	for column, typ := range types {
		array, ok := arrayOf[typ]
		if !ok {
			return st, fmt.Errorf("column %d is of type %d: want an integer, text or bytes", column+1, typ)
		}
		data, err := encodeArray(typ, rows, column)
		if err != nil {
			return st, err
		}
		st.types[column], st.sets[0][column] = array, data
	}
	return st, nil
}

// encodeArray writes one column in the binary format of arrays (PostgreSQL source, array_recv): the number of
// dimensions, whether there are nulls, the type, then for the one dimension its length and lower bound.
func encodeArray(typ uint32, rows [][]any, column int) ([]byte, error) {
	out := make([]byte, 0, 20+len(rows)*16)
	for _, v := range []uint32{1, 1, typ, uint32(len(rows)), 1} {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	for n, row := range rows {
		if column >= len(row) {
			return nil, fmt.Errorf("row %d: value %d is missing", n, column+1)
		}
		v, err := encode(typ, row[column])
		if err != nil {
			return nil, fmt.Errorf("row %d: value %d %w", n, column+1, err)
		}
		out = appendValue(out, v)
	}
	return out, nil
}

// appendValue writes a value after its length, which is -1 for NULL.
func appendValue(out, v []byte) []byte {
	if v == nil {
		return binary.BigEndian.AppendUint32(out, math.MaxUint32)
	}
	return append(binary.BigEndian.AppendUint32(out, uint32(len(v))), v...)
}

// encodeCopy writes rows in the binary format of COPY (PostgreSQL documentation, COPY, "Binary Format").
func encodeCopy(types []uint32, rows [][]any) ([]byte, error) {
	out := make([]byte, 0, len(copySignature)+len(rows)*len(types)*16+2)
	out = append(out, copySignature...)
	for n, args := range rows {
		values, err := encodeArgs(types, args)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", n, err)
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(values)))
		for _, v := range values {
			out = appendValue(out, v)
		}
	}
	return binary.BigEndian.AppendUint16(out, 0xffff), nil
}
