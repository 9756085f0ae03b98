package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// channel is what nodes announce commits on. It carries nothing but the news that there is something to read.
const channel = "consentline"

// Announce lets whoever listens on this database know that something was committed.
func (db *DB) Announce(ctx context.Context) error {
	if _, err := db.writers.Exec(ctx, "NOTIFY "+channel); err != nil {
		return fmt.Errorf("announce a commit: %w", redacted{err})
	}
	return nil
}

// Listen calls wake at every announcement, until ctx ends or the connection breaks. It takes a connection of its own,
// which a pooler that shares connections between transactions does not give: then nothing is heard.
func (db *DB) Listen(ctx context.Context, wake func()) (err error) {
	conn, err := pgx.ConnectConfig(ctx, db.connect)
	if err != nil {
		return fmt.Errorf("connect to listen: %w", redacted{err})
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // there is nothing to lose
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("listen: %w", redacted{err})
	}
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("wait for announcements: %w", redacted{err})
		}
		wake()
	}
}
