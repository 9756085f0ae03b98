package postgres

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consentline/consentline/internal/store"
)

// The types that columns and parameters may have, by PostgreSQL's object identifiers (pg_type.dat).
const (
	oidBool    = 16
	oidBytea   = 17
	oidInt8    = 20
	oidInt2    = 21
	oidInt4    = 23
	oidText    = 25
	oidUnknown = 705
	oidVarchar = 1043
)

// arrayOf holds the type of arrays of each type that a column may have.
var arrayOf = map[uint32]uint32{oidBytea: 1001, oidInt8: 1016, oidInt2: 1005, oidInt4: 1007, oidText: 1009, oidVarchar: 1015}

// binaryFormat is the wire format of every parameter and every column.
var binaryFormat = []int16{1}

// encodeArgs writes the arguments as the statement's parameters want them.
func encodeArgs(types []uint32, args []any) ([][]byte, error) {
	if len(args) < len(types) {
		return nil, fmt.Errorf("argument $%d is missing", len(args)+1)
	}
	out := make([][]byte, len(types))
	for i, typ := range types {
		b, err := encode(typ, args[i])
		if err != nil {
			return nil, fmt.Errorf("argument $%d: %w", i+1, err)
		}
		out[i] = b
	}
	return out, nil
}

func encode(typ uint32, arg any) ([]byte, error) {
	switch v := arg.(type) {
	case nil:
		return nil, nil
	case int64:
		return encodeInt(typ, v)
	case int:
		return encodeInt(typ, int64(v))
	case uint64:
		if v > math.MaxInt64 {
			return nil, fmt.Errorf("%d does not fit into 64 bits with a sign", v)
		}
		return encodeInt(typ, int64(v))
	case string:
		if typ != oidText && typ != oidVarchar {
			return nil, fmt.Errorf("is text where the statement wants type %d", typ)
		}
		return []byte(v), nil
	case []byte:
		if typ != oidBytea {
			return nil, fmt.Errorf("is bytes where the statement wants type %d", typ)
		}
		if v == nil { // no bytes are a value; only nil itself is NULL
			v = []byte{}
		}
		return v, nil
	}
	return nil, fmt.Errorf("is a %T: want an integer, text or bytes", arg)
}

func encodeInt(typ uint32, v int64) ([]byte, error) {
	switch {
	case typ == oidInt8:
		return binary.BigEndian.AppendUint64(nil, uint64(v)), nil
	case typ == oidInt4 && int64(int32(v)) == v:
		return binary.BigEndian.AppendUint32(nil, uint32(v)), nil
	case typ == oidInt2 && int64(int16(v)) == v:
		return binary.BigEndian.AppendUint16(nil, uint16(v)), nil
	}
	return nil, fmt.Errorf("%d is an integer where the statement wants type %d: cast the parameter to BIGINT", v, typ)
}

// row is the current row of a result, in the connection's buffer.
type row struct {
	types  []uint32
	values [][]byte
}

var _ store.Row = (*row)(nil)

// columnTypes refuses columns of kinds that no Row can hold, before anybody reads a wrong value from them.
func columnTypes(fields []pgconn.FieldDescription) ([]uint32, error) {
	types := make([]uint32, len(fields))
	for i, f := range fields {
		switch f.DataTypeOID {
		case oidBool, oidBytea, oidInt8, oidInt2, oidInt4, oidText, oidUnknown, oidVarchar:
			types[i] = f.DataTypeOID
		default:
			return nil, fmt.Errorf("column %q has type %d: cast it to BIGINT, TEXT or BYTEA", f.Name, f.DataTypeOID)
		}
	}
	return types, nil
}

// IsNull implements store.Row.
func (r *row) IsNull(col int) bool { return r.values[col] == nil }

// Int64 implements store.Row; NULL is zero.
func (r *row) Int64(col int) int64 {
	v := r.values[col]
	switch {
	case v == nil:
		return 0
	case r.types[col] == oidInt8:
		return int64(binary.BigEndian.Uint64(v))
	case r.types[col] == oidInt4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case r.types[col] == oidInt2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case r.types[col] == oidBool:
		return int64(v[0])
	}
	panic(fmt.Sprintf("column %d is read as an integer and has type %d", col, r.types[col]))
}

// Text implements store.Row; NULL is empty.
func (r *row) Text(col int) string { return string(r.values[col]) }

// Bytes implements store.Row; NULL is empty.
func (r *row) Bytes(col int) []byte { return r.values[col] }
