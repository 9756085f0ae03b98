// Package postgres is the database of many nodes: PostgreSQL 15 or later, or what speaks as it does.
//
// Others may rely on this: a transaction that was answered is on the disk of the primary, and of its synchronous
// standbys where there are any; a server that would forget is refused when it is connected to, not when it has
// forgotten. Whatever a lost connection leaves unknown is an UnconfirmedError and never success. It works through a
// pooler that shares connections between transactions; only waiting for other nodes' announcements needs one of its own.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/consentline/consentline/internal/store"
)

// Config says how a database is reached. The zero value of all but URL is good.
type Config struct {
	URL string // postgres://user:password@host:port/database, with the parameters of libpq

	// How many connections there may be for transactions that write, for reading, and for polling the ledger, each
	// apart, so that none waits behind the others. Zero means 4, 8 and 2.
	Writers, Readers, Pollers int32

	// Name is what the server's list of connections shows; empty: consentline and the schema.
	Name string

	// Timeout bounds each transaction that writes, so that a network that swallows packets holds nobody for ever.
	// Zero means 30 s.
	Timeout time.Duration
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field *int32
		value int32
	}{{&c.Writers, 4}, {&c.Readers, 8}, {&c.Pollers, 2}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	config                    Config
	connect                   *pgx.ConnConfig
	writers, readers, pollers *pgxpool.Pool

	described sync.Map // statement → the types of its parameters
	warned    sync.Map // connection → the warning it last sent, until the transaction that asks has seen it
}

// Open connects, and refuses a server that forgets what it acknowledged or a schema that is another program's.
func Open(ctx context.Context, c Config) (*DB, error) {
	c.setDefaults()
	db := &DB{config: c}
	pool, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, parseError(err)
	}
	pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	pool.ConnConfig.OnNotice = db.noticed
	if pool.ConnConfig.ConnectTimeout == 0 {
		pool.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	// A server that is gone without a word is noticed in about 20 s, also by readings that have no other limit.
	pool.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}).DialContext
	if c.Name != "" {
		pool.ConnConfig.RuntimeParams["application_name"] = c.Name
	} else if pool.ConnConfig.RuntimeParams["application_name"] == "" {
		pool.ConnConfig.RuntimeParams["application_name"] = unnamed
	}
	pool.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return assertDurable(ctx, conn.PgConn()) }
	pool.BeforeClose = func(conn *pgx.Conn) { db.warned.Delete(conn.PgConn()) }
	db.connect = pool.ConnConfig
	for _, p := range []struct {
		pool **pgxpool.Pool
		size int32
	}{{&db.writers, c.Writers}, {&db.readers, c.Readers}, {&db.pollers, c.Pollers}} {
		own := pool.Copy()
		own.MaxConns, own.MinConns = p.size, 0
		if *p.pool, err = pgxpool.NewWithConfig(ctx, own); err != nil {
			return nil, errors.Join(parseError(err), db.Close())
		}
	}
	if err := db.Read(ctx, func(t store.Tx) error { return assertOurs(ctx, t) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), db.Close())
	}
	return db, nil
}

// parseError tells what is wrong with an address without repeating it, since it may hold a password.
func parseError(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		if deeper := errors.Unwrap(cause); deeper != nil {
			cause = deeper
		}
		return fmt.Errorf("the database's address: want postgres://user:password@host:port/database: %w", redacted{cause})
	}
	return errors.New("the database's address: want postgres://user:password@host:port/database")
}

// Dialect returns PostgreSQL's.
func (db *DB) Dialect() store.Dialect { return dialect{} }

// Close waits for transactions under way.
func (db *DB) Close() error {
	for _, p := range []*pgxpool.Pool{db.writers, db.readers, db.pollers} {
		if p != nil {
			p.Close()
		}
	}
	return nil
}

// What a transaction sees. Whoever writes sees the database as it stood at the first statement, and is undone and run
// again if somebody else has meanwhile changed a row that it locks or changes: no update is lost.
const (
	writing = "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE"
	reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
)

// InTx runs fn on a snapshot, and again while others' transactions get in between.
func (db *DB) InTx(ctx context.Context, fn func(store.Tx) error) error {
	return db.retry(ctx, db.writers, fn)
}

// Poll is InTx on connections of its own, so that it never waits behind other work.
func (db *DB) Poll(ctx context.Context, fn func(store.Tx) error) error {
	return db.retry(ctx, db.pollers, fn)
}

// Read runs fn on a snapshot.
func (db *DB) Read(ctx context.Context, fn func(store.Tx) error) error {
	return db.once(ctx, db.readers, reading, fn)
}

// maxBackoff bounds the pause before a transaction is run again. The first time there is none, since whoever was in
// the way has just ended.
const maxBackoff = 20 * time.Millisecond

func (db *DB) retry(ctx context.Context, pool *pgxpool.Pool, fn func(store.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.config.Timeout)
	defer cancel()
	for failures := 0; ; failures++ {
		err := db.once(ctx, pool, writing, fn)
		if !undone(err) {
			return late(ctx, err)
		}
		if failures == 0 {
			continue
		}
		pause := time.NewTimer(rand.N(min(time.Millisecond<<min(failures, 10), maxBackoff)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("%w: others were in the way %d times: %w", store.ErrUnavailable, failures+1, err)
		}
	}
}

// undone reports whether the server undid a transaction that is worth trying again: a serialization failure or a
// deadlock (PostgreSQL documentation, "Serialization Failure Handling"), or a table that another node made meanwhile.
func undone(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "40001", "40P01", "42P07", "42710":
		return true
	case "23505":
		return pg.SchemaName == "pg_catalog"
	}
	return false
}

// once runs a transaction. Connections that broke while nobody used them, as all do when the server was restarted, are
// passed over: on these nothing has happened yet.
func (db *DB) once(ctx context.Context, pool *pgxpool.Pool, begin string, fn func(store.Tx) error) error {
	for broken := int32(0); ; broken++ {
		err := db.on(ctx, pool, begin, fn)
		var never *neverBegunError
		if !errors.As(err, &never) || broken > pool.Config().MaxConns {
			return told(err)
		}
	}
}

// on runs a transaction on one connection.
func (db *DB) on(ctx context.Context, pool *pgxpool.Pool, begin string, fn func(store.Tx) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", redacted{err})
	}
	defer conn.Release() // which closes a connection that still has a transaction
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{db: db, pg: conn.Conn().PgConn(), begin: begin}
	if err := fn(t); err != nil {
		if t.pg.IsClosed() && ctx.Err() == nil && kindOf(err) == nil { // the connection broke before a commit was asked for
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return errors.Join(err, t.rollback(ctx))
	}
	if begin == reading { // there is nothing whose outcome could be in doubt
		return t.rollback(ctx)
	}
	if err := t.commit(ctx); err != nil {
		return errors.Join(err, t.rollback(ctx))
	}
	return nil
}

// noticed keeps what a connection warns of. The text is in the server's language, so it is not looked at.
func (db *DB) noticed(pg *pgconn.PgConn, n *pgconn.Notice) {
	severity := n.SeverityUnlocalized
	if severity == "" {
		severity = n.Severity
	}
	if severity == "WARNING" {
		db.warned.Store(pg, n.Message)
	}
}
