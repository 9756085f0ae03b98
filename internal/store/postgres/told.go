package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consentline/consentline/internal/store"
)

// told adds to an error what of it callers decide by. An unknown outcome stays that: whatever was the cause, the
// transaction may have been committed.
func told(err error) error {
	var unconfirmed *store.UnconfirmedError
	if err == nil || errors.As(err, &unconfirmed) {
		return err
	}
	if kind := kindOf(err); kind != nil {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// kindOf sorts errors by their SQLSTATE (PostgreSQL documentation, appendix A), and by what the network did.
func kindOf(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "53100": // disk full
			return store.ErrFull
		case "42501":
			return store.ErrForbidden
		case "58030", "XX001", "XX002": // input/output error, damaged data, damaged index
			return store.ErrFailing
		case "53000", "53200", "53300", "53400", // out of resources, memory, connections, a configured limit
			"57P01", "57P02", "57P03", "57P05", // stopping, crashed, starting, idle for too long
			"57014", "55P03", "25P03", "25P04", // a statement, a lock, an idle and a whole transaction that took too long
			"25006": // read-only: a primary that became a standby
			return store.ErrUnavailable
		}
		return nil
	}
	var dial *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &dial) || errors.As(err, &network) || pgconn.SafeToRetry(err) {
		return store.ErrUnavailable
	}
	return nil
}

// late tells a transaction that ran into the time that all transactions are given from one whose caller left.
func late(ctx context.Context, err error) error {
	var unconfirmed *store.UnconfirmedError
	if err == nil || !errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &unconfirmed) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: it took too long: %w", store.ErrUnavailable, err)
}
