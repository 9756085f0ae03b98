package session

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/store"
)

// Listed is one session as its owner sees it.
type Listed struct {
	ID      string // names the session and opens nothing
	How     string
	Browser string
	BeganAt time.Time
	SeenAt  time.Time // to within five minutes
	Current bool
}

// idSize is how many bytes of a token's hash name its session.
const idSize = 8

// List returns the sessions of a caller that have not ended, the latest first. The one under the token is current.
func (s *Sessions) List(ctx context.Context, callerID, token string) (out []Listed, err error) {
	now := s.now()
	current := hex.EncodeToString(digest(token)[:idSize])
	err = s.db.Read(ctx, func(tx store.Tx) error {
		out = nil
		rows := tx.Query(ctx, `
			SELECT token, how, browser, created_at, seen_at
			FROM sessions
			WHERE caller = $1 AND kind = $2 AND expires_at > $3 AND seen_at >= $4
			ORDER BY created_at DESC`, callerID, int64(signedIn), now.UnixMicro(), now.Add(-Idle).UnixMicro())
		return store.Each(rows, func(r store.Row) error {
			l := Listed{
				ID: hex.EncodeToString(r.Bytes(0)[:idSize]), How: r.Text(1), Browser: r.Text(2),
				BeganAt: time.UnixMicro(r.Int64(3)), SeenAt: time.UnixMicro(r.Int64(4)),
			}
			l.Current = l.ID == current
			out = append(out, l)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return out, nil
}

// End ends one session of a caller by the ID under which it is listed; one that has ended already stays so.
func (s *Sessions) End(ctx context.Context, callerID, id string) error {
	return s.endEach(ctx, callerID, func(token []byte) bool { return hex.EncodeToString(token[:idSize]) == id })
}

// EndAll ends every session of a caller, and links and half-finished sign-ins, except the session under a token.
func (s *Sessions) EndAll(ctx context.Context, callerID, except string) error {
	kept := string(digest(except))
	return s.endEach(ctx, callerID, func(token []byte) bool { return string(token) != kept })
}

func (s *Sessions) endEach(ctx context.Context, callerID string, ends func(token []byte) bool) error {
	if callerID == "" {
		return errors.New("end sessions of nobody")
	}
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		var ended [][]any
		err := store.Each(tx.Query(ctx, "SELECT token FROM sessions WHERE caller = $1", callerID), func(r store.Row) error {
			if token := r.Bytes(0); ends(token) {
				ended = append(ended, []any{append([]byte(nil), token...)})
			}
			return nil
		})
		if err != nil || len(ended) == 0 {
			return err
		}
		return tx.ExecMany(ctx, "DELETE FROM sessions WHERE token = $1", ended)
	})
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}
