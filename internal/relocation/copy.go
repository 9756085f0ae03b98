package relocation

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/store"
)

// stay are the tables that are not carried: what belongs to a database and its nodes, not to the deployment.
var stay = []string{"transfers", "transferred", "nodes", "leaders", "list_loads"}

func carried() ([]store.Table, error) {
	all, err := store.Tables()
	out := slices.DeleteFunc(all, func(t store.Table) bool { return slices.Contains(stay, t.Name) })
	for _, t := range out {
		if len(t.Key) == 0 {
			return nil, fmt.Errorf("table %s has no key to go by", t.Name)
		}
	}
	return out, err
}

// standing is how far a table has come.
type standing struct {
	n      int64
	digest digest
	after  []any // the key of the last row; empty: none yet
	whole  bool
}

// maxChunkBytes bounds what a transaction carries, whatever the size of its rows.
const maxChunkBytes = 8 << 20

// copy carries the rest of one table in the order of its key. Each transaction on the target holds rows and how far the
// table has come; a crash leaves both or neither.
func (r *relocation) copy(ctx context.Context, t store.Table) error {
	at, err := r.standing(ctx, t)
	if err != nil || at.whole {
		return err
	}
	chunk := &chunk{table: t}
	query, args := "SELECT "+strings.Join(t.Names(), ", ")+" FROM "+t.Name+after(t, len(at.after)), at.after
	err = r.From.DB.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, query, args...), func(row store.Row) error {
			chunk.add(row)
			if len(chunk.rows) < r.Chunk && chunk.bytes < maxChunkBytes {
				return nil
			}
			return r.put(ctx, t, chunk, &at)
		})
	})
	if err != nil {
		return err
	}
	at.whole = true
	return r.put(ctx, t, chunk, &at)
}

// after is the condition and the order by which a table is read on from a row.
func after(t store.Table, args int) string {
	key := strings.Join(t.Key, ", ")
	if args == 0 {
		return " ORDER BY " + key
	}
	marks := make([]string, args)
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	return " WHERE (" + key + ") > (" + strings.Join(marks, ", ") + ") ORDER BY " + key
}

// chunk gathers rows on their way.
type chunk struct {
	table store.Table
	rows  [][]any
	bytes int
	sum   digest
}

func (c *chunk) add(row store.Row) {
	values := valuesOf(c.table, row)
	for _, v := range values {
		switch v := v.(type) {
		case []byte:
			c.bytes += len(v)
		case string:
			c.bytes += len(v)
		}
	}
	c.bytes += 16 * len(values)
	c.sum.add(values)
	c.rows = append(c.rows, values)
}

// valuesOf copies what a row holds.
func valuesOf(t store.Table, row store.Row) []any {
	values := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		switch {
		case row.IsNull(i):
		case c.Kind == "BIGINT":
			values[i] = row.Int64(i)
		case c.Kind == "TEXT":
			values[i] = row.Text(i)
		default:
			values[i] = bytes.Clone(row.Bytes(i))
		}
	}
	return values
}

// put writes a chunk and how far the table is with it.
func (r *relocation) put(ctx context.Context, t store.Table, c *chunk, at *standing) error {
	next := *at
	next.n += int64(len(c.rows))
	next.digest.join(c.sum)
	if len(c.rows) > 0 {
		next.after = nil
		for _, k := range t.Key {
			next.after = append(next.after, c.rows[len(c.rows)-1][t.Position(k)])
		}
	}
	err := r.To.DB.InTx(ctx, func(tx store.Tx) error {
		if err := tx.Load(ctx, t.Name, t.Names(), c.rows); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO transferred (name, n, digest, after, whole)
			VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO UPDATE SET n = excluded.n, digest = excluded.digest, after = excluded.after, whole = excluded.whole`,
			t.Name, next.n, next.digest.bytes(), encodeKey(next.after), flag(next.whole))
		return err
	})
	if err != nil {
		return err
	}
	r.result.Copied += int64(len(c.rows))
	r.Progress(Copying, t.Name, next.n)
	*at, *c = next, chunk{table: t, rows: c.rows[:0]}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (r *relocation) standing(ctx context.Context, t store.Table) (at standing, err error) {
	var key string
	err = r.To.DB.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT n, digest, after, whole FROM transferred WHERE name = $1", t.Name), func(row store.Row) {
			at.n, at.digest, key, at.whole = row.Int64(0), digestOf(row.Bytes(1)), row.Text(2), row.Int64(3) != 0
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		return standing{}, nil
	}
	if err != nil {
		return at, err
	}
	at.after, err = decodeKey(t, key)
	return at, err
}

// encodeKey writes a key as a JSON array of texts; the columns tell what they are.
func encodeKey(key []any) string {
	texts := make([]string, len(key))
	for i, v := range key {
		switch v := v.(type) {
		case []byte:
			texts[i] = hex.EncodeToString(v)
		default:
			texts[i] = fmt.Sprint(v)
		}
	}
	out, err := json.Marshal(texts)
	if err != nil {
		panic(err) // texts can be written
	}
	return string(out)
}

func decodeKey(t store.Table, text string) ([]any, error) {
	var texts []string
	if err := json.Unmarshal([]byte(text), &texts); err != nil {
		return nil, fmt.Errorf("where the copy of %s stands: %w", t.Name, err)
	}
	var key []any
	for i, s := range texts {
		var v any = s
		var err error
		switch t.Columns[t.Position(t.Key[i])].Kind {
		case "BIGINT":
			v, err = strconv.ParseInt(s, 10, 64)
		case "BYTEA":
			v, err = hex.DecodeString(s)
		}
		if err != nil {
			return nil, fmt.Errorf("where the copy of %s stands: %w", t.Name, err)
		}
		key = append(key, v)
	}
	return key, nil
}
