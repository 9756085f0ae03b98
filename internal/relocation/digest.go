package relocation

import (
	"crypto/sha256"
	"encoding/binary"
)

// digest is a sum of the hashes of rows, in four lanes modulo 2^64 each. It does not depend on their order, in which the
// databases differ for texts. It finds damage, not forgery: nobody who could choose the rows would have to hide anything.
type digest [4]uint64

// add adds a row: each value with its kind and length, so that no two rows are written alike.
func (d *digest) add(values []any) {
	h := sha256.New()
	var head [9]byte
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			h.Write([]byte{0})
		case int64:
			head[0] = 1
			binary.BigEndian.PutUint64(head[1:], uint64(v))
			h.Write(head[:])
		case string:
			head[0] = 2
			binary.BigEndian.PutUint64(head[1:], uint64(len(v)))
			h.Write(head[:])
			h.Write([]byte(v))
		case []byte:
			head[0] = 3
			binary.BigEndian.PutUint64(head[1:], uint64(len(v)))
			h.Write(head[:])
			h.Write(v)
		}
	}
	d.join(digestOf(h.Sum(nil)))
}

func (d *digest) join(other digest) {
	for i := range d {
		d[i] += other[i]
	}
}

func (d *digest) bytes() []byte {
	out := make([]byte, 0, 32)
	for _, lane := range d {
		out = binary.BigEndian.AppendUint64(out, lane)
	}
	return out
}

// digestOf reads what bytes has written; anything else is the digest of no rows.
func digestOf(b []byte) (d digest) {
	if len(b) != 32 {
		return d
	}
	for i := range d {
		d[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return d
}
