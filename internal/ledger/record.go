package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/store"
)

// recordColumns are the columns that scanRecord reads, of records r joined with scopes s.
const recordColumns = `
	r.scope, s.brand, s.purpose, s.channel,` + stateColumns

// stateColumns are the columns that scanState reads, of records r alone.
const stateColumns = `
	r.status, r.level, r.confirmed, r.source, r.evidenced, r.granted_at, r.valid_until, r.review_at, r.requested_at,
	r.restricted_at, r.under, r.disclosure, r.entry, r.conflict, r.version, r.last_at, r.last_restricts, r.last_seq`

func scanScope(r store.Row, col int) (int64, consent.Scope, error) {
	channel, err := consent.ParseChannel(r.Text(col + 3))
	if err != nil {
		return 0, consent.Scope{}, fmt.Errorf("scope %d: %w", r.Int64(col), err)
	}
	return r.Int64(col), consent.Scope{
		Brand: consent.BrandID(r.Text(col + 1)), Purpose: consent.PurposeID(r.Text(col + 2)), Channel: channel,
	}, nil
}

func scanRecord(r store.Row, col int) (int64, consent.Scope, consent.Record, error) {
	id, scope, err := scanScope(r, col)
	if err != nil {
		return 0, scope, consent.Record{}, err
	}
	record, err := scanState(r, col+4)
	if err != nil {
		return 0, scope, record, fmt.Errorf("record in scope %d: %w", id, err)
	}
	return id, scope, record, nil
}

func scanState(r store.Row, col int) (consent.Record, error) {
	ref, err := ParseDisclosure(r.Text(col + 11))
	if err != nil {
		return consent.Record{}, err
	}
	record := consent.Record{
		Status: consent.Status(r.Int64(col)), Level: consent.Level(r.Int64(col + 1)), Confirmed: r.Int64(col+2) != 0,
		Source: consent.Source(r.Int64(col + 3)), Evidenced: r.Int64(col+4) != 0,
		GrantedAt: nullableTime(r, col+5), ValidUntil: nullableTime(r, col+6), ReviewAt: nullableTime(r, col+7),
		RequestedAt: nullableTime(r, col+8), RestrictedAt: nullableTime(r, col+9),
		Disclosure: ref, Entry: uint64(r.Int64(col + 12)), Conflict: uint64(r.Int64(col + 13)), Version: int(r.Int64(col + 14)),
	}
	record.Under, record.RestrictedBy = unpackNo(r.Int64(col + 10))
	return record.Resume(fromMicros(r.Int64(col+15)), r.Int64(col+16) != 0, uint64(r.Int64(col+17))), nil
}

// packNo puts into the column under the no that stands, in its three low bits, and the latest no, in the next three.
func packNo(stands, latest consent.Status) int64 { return int64(stands) | int64(latest)<<3 }

func unpackNo(packed int64) (stands, latest consent.Status) {
	return consent.Status(packed & 7), consent.Status(packed >> 3 & 7)
}

func nullableTime(r store.Row, col int) time.Time {
	if r.IsNull(col) {
		return time.Time{}
	}
	return fromMicros(r.Int64(col))
}

var recordRow = []string{
	"subject", "scope", "status", "level", "confirmed", "source", "evidenced", "granted_at", "valid_until", "review_at",
	"requested_at", "restricted_at", "under", "disclosure", "entry", "conflict", "version", "last_at", "last_restricts", "last_seq",
}

const updateRecord = `
	UPDATE records
	SET status = $3, level = $4, confirmed = $5, source = $6, evidenced = $7, granted_at = $8, valid_until = $9,
		review_at = $10, requested_at = $11, restricted_at = $12, under = $13, disclosure = $14, entry = $15,
		conflict = $16, version = $17, last_at = $18, last_restricts = $19, last_seq = $20
	WHERE subject = $1 AND scope = $2`

func (h *held) row(subject int64) []any {
	at, restricts, seq := h.Last()
	return []any{
		subject, h.scopeID, int64(h.Status), int64(h.Level), flag(h.Confirmed), int64(h.Source), flag(h.Evidenced),
		micros(h.GrantedAt), micros(h.ValidUntil), micros(h.ReviewAt), micros(h.RequestedAt), micros(h.RestrictedAt),
		packNo(h.Under, h.RestrictedBy), text(FormatDisclosure(h.Disclosure)), h.Entry, h.Conflict, int64(h.Version), at.UnixMicro(), flag(restricts), seq,
	}
}

func (b *batch) writeRecords(ctx context.Context) error {
	var added, changed [][]any
	for _, who := range b.order {
		for _, h := range who.records {
			switch {
			case !h.dirty:
			case h.stored:
				changed = append(changed, h.row(who.id))
			default:
				added = append(added, h.row(who.id))
			}
		}
	}
	if err := b.tx.Load(ctx, "records", recordRow, added); err != nil {
		return err
	}
	return b.tx.ExecMany(ctx, updateRecord, changed)
}

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
