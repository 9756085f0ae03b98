package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// copyFrom is the number of rows from which COPY, with its own round trips, is faster than inserts in a pipeline.
const copyFrom = 16

// copySignature begins the binary format of COPY: the signature, no flags, no header extension.
const copySignature = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// Load implements store.Tx.
func (t *tx) Load(ctx context.Context, table string, columns []string, rows [][]any) error {
	list := strings.Join(columns, ", ")
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	insert := "INSERT INTO " + table + " (" + list + ") VALUES (" + strings.Join(marks, ", ") + ")"
	if len(rows) < copyFrom {
		return t.ExecMany(ctx, insert, rows)
	}
	types, err := t.paramTypes(ctx, insert) // which are the columns'
	if err != nil {
		return err
	}
	data, err := encodeCopy(types, rows)
	if err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	_, err = t.pg.CopyFrom(ctx, bytes.NewReader(data), "COPY "+table+" ("+list+") FROM STDIN (FORMAT binary)")
	if err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	return nil
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
			if v == nil {
				out = binary.BigEndian.AppendUint32(out, 0xffffffff)
				continue
			}
			out = binary.BigEndian.AppendUint32(out, uint32(len(v)))
			out = append(out, v...)
		}
	}
	return binary.BigEndian.AppendUint16(out, 0xffff), nil
}
