// Package server puts the parts together: it opens a data directory, loads the index, starts what follows the ledger,
// and hands the surfaces what they stand on.
//
// One process owns a data directory, by a lock that the kernel drops when the process ends however it ends. The
// directory holds master.key, consentline.db, messages.ndjson and, while a server runs, the Unix socket through which
// other commands on the same machine reach it.
package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/changefeed"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/egress"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/jobs"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging/filelog"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/preference"
	"github.com/consentline/consentline/internal/reconcile"
	"github.com/consentline/consentline/internal/report"
	"github.com/consentline/consentline/internal/rulebook"
	"github.com/consentline/consentline/internal/session"
	"github.com/consentline/consentline/internal/signon"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/suppression"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/telemetry"
	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/internal/vault"
)

// Config says where a server keeps its data. The zero value of all but DataDir is good.
type Config struct {
	DataDir string

	// Database is the address of a PostgreSQL database that many nodes may share, postgres://…; empty: SQLite in DataDir.
	// MasterKeyFile is the key that all of them share; empty: master.key in DataDir.
	Database      string
	MasterKeyFile string

	// SingleNode says that no other process uses the database: nothing is polled, and nobody waits for other nodes.
	// Delta is for how long a poll keeps a node fresh, and Every how often it polls; zero means 500 ms and 100 ms.
	// Clock is what leases run on; nil: check.BootClock.
	//
	// ReadIndex lets every check wait for a poll that began after it, so that no clock decides what is fresh, and lets
	// withdrawals wait for nobody. All nodes must have the same.
	SingleNode   bool
	ReadIndex    bool
	Delta, Every time.Duration
	Clock        func() check.Instant

	// Rules is a folder of packs that stand over those built in; empty: rules/ in DataDir, if it is there. NoRules: none
	// at all, so that a grant allows.
	Rules string

	// Providers are what messages go through and come from; the zero value writes them into a file in DataDir.
	Providers providers.Config

	// OptIn bounds requests for confirmation, Gateway says what the gateways may do, and Words replaces what people are
	// understood by and told; the zero values are good.
	OptIn   optin.Settings
	Gateway gateway.Settings
	Words   Words

	// SignOn is where staff sign in with their organisation's accounts; nil: nowhere.
	SignOn *signon.Config

	// Egress says where requests to destinations may go; the zero value allows public addresses alone.
	Egress egress.Policy

	Origin string           // the log's name; empty: derived from the deployment
	Now    func() time.Time // nil: the wall clock
	Log    *slog.Logger     // nil: nothing is logged
}

// Server is an open data directory with all that runs on it.
type Server struct {
	Ledger   *ledger.Ledger
	Index    *check.Index
	Catalog  *catalog.Catalog
	Lists    *suppression.Lists
	Gate     *access.Gate
	Recorder *act.Recorder
	Tree     *transparency.Tree
	Signer   *transparency.Signer
	Rules    *rulebook.Book // nil without rules
	Attempts *attempt.Attempts
	Feed     *changefeed.Feed
	Sessions *session.Sessions
	People   *people.People
	SignOn   *signon.Provider // nil without single sign-on
	Reports  *report.Reports
	Links    *preference.Links
	Forms    *form.Forms
	Codes    *preference.Codes
	Erasures *preference.Erasures
	Node     *freshness.Node // nil in the only node
	Metrics  *telemetry.Metrics
	Now      func() time.Time
	Log      *slog.Logger

	Conversations *inbound.Conversations

	Destinations *sync.Destinations
	Sync         *sync.Engine
	Reconciler   *reconcile.Reconciler

	// FirstStart is true when this process made the master key.
	FirstStart bool
	DataDir    string

	config  Config
	counter *attempt.Counter
	lock    *dirLock
	db      store.DB
	vault   *vault.Vault

	messages *filelog.Messenger

	noted uint64 // the entry that reached.json tells of; belongs to the job that writes it, and then to Close

	leads atomic.Bool // this node does what one does for all of them

	applying stdsync.Mutex // held while the index is loaded or changed

	stop context.CancelFunc
	jobs stdsync.WaitGroup
}

// Open opens or creates a data directory and loads the index. Nothing answers before it returns.
func Open(ctx context.Context, c Config) (s *Server, err error) {
	s = &Server{Metrics: telemetry.New(), Now: c.Now, Log: c.Log, DataDir: c.DataDir, config: c}
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the default of a replaceable clock
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if s.lock, err = lockDir(c.DataDir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.openRules(); err != nil {
		return s, err
	}
	if err := s.openStore(ctx); err != nil {
		return s, err
	}
	if err := s.openLog(c.Origin); err != nil {
		return s, err
	}
	if err := s.load(ctx); err != nil {
		return s, fmt.Errorf("load the index: %w", err)
	}
	if err := s.catchUp(ctx); err != nil {
		return s, fmt.Errorf("follow the ledger: %w", err)
	}
	if err := s.defineDefaults(ctx); err != nil {
		return s, fmt.Errorf("define the defaults: %w", err)
	}
	s.startJobs()
	return s, nil
}

func (s *Server) openStore(ctx context.Context) error {
	if err := s.openDatabase(ctx); err != nil {
		return err
	}
	if err := s.bringUp(ctx); err != nil {
		return err
	}
	if err := s.db.Read(ctx, func(tx store.Tx) error { return ledger.Moved(ctx, tx) }); err != nil {
		return err
	}
	lease, settle := s.openNode()
	s.Index = check.New(check.Config{Clock: s.Now, Lease: lease, Rules: s.gate(), Seed: seed()})
	s.Feed = changefeed.New(0)
	var err error
	s.Ledger, err = ledger.Open(ctx, ledger.Config{DB: s.db, Vault: s.vault, Now: s.Now, OnCommit: s.committed, Settle: settle})
	if err != nil {
		return err
	}
	s.Catalog = catalog.New(s.Ledger)
	s.Lists = suppression.New(s.Ledger, s.db, s.vault)
	if s.Node != nil {
		s.Lists = suppression.NewNode(s.Ledger, s.db, s.vault, s.Node.Incarnation())
	}
	s.Gate = access.New(s.Ledger, s.Now)
	s.Gate.Fresh = func() bool { return lease.Fresh(lease.Now()) }
	s.Attempts = attempt.New(attempt.Config{DB: s.db, Vault: s.vault, Now: s.Now, Rules: s.retaining()}, s.counter)
	if err := s.Attempts.Load(ctx); err != nil {
		return fmt.Errorf("load the attempts: %w", err)
	}
	s.Recorder = act.NewRecorder(s.Ledger, s.Catalog, s.Now)
	s.Recorder.Proven = s.Gate.Proven
	if err := s.openConversations(ctx); err != nil {
		return err
	}
	if err := s.openStaff(); err != nil {
		return err
	}
	s.openFaces()
	s.openSync()
	return nil
}

func seed() uint64 {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (s *Server) openLog(origin string) (err error) {
	if origin == "" {
		origin = "consentline.local/" + s.Ledger.Deployment()
	}
	if s.Signer, err = transparency.NewSigner(origin, s.vault.SigningKey().Seed()); err != nil {
		return err
	}
	s.Tree, err = transparency.New(transparency.Config{DB: s.db, Signer: s.Signer, Now: s.Now, SignEvery: time.Second})
	return err
}

// defineDefaults makes what is there out of the box: one brand, and one purpose of each class that most people need.
func (s *Server) defineDefaults(ctx context.Context) error {
	if len(s.Catalog.Brands()) > 0 {
		return nil
	}
	for _, p := range []catalog.Purpose{
		{ID: "marketing", Name: "Marketing", Class: consent.Marketing, Description: "Offers and news"},
		{ID: "transactional", Name: "Transactional", Class: consent.Transactional, Description: "Messages about what the person ordered or asked for"},
		{ID: "service_alert", Name: "Service alerts", Class: consent.ServiceAlert, Description: "Warnings about a service the person uses"},
	} {
		if _, err := s.Catalog.CreatePurpose(ctx, "system", p); err != nil && !taken(err) {
			return err
		}
	}
	// The brand comes last: it is what says that the defaults are there.
	_, err := s.Catalog.CreateBrand(ctx, "system", catalog.Brand{ID: consent.BrandID(act.DefaultBrand), Name: "Default brand"})
	if taken(err) {
		return nil
	}
	return err
}

// taken reports whether a definition could not be made since it is there: other nodes make the same ones.
func taken(err error) bool {
	return errors.Is(err, catalog.ErrExists) || errors.Is(err, ledger.ErrChanged)
}

func (s *Server) startJobs() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.jobs.Go(func() { s.forgetAttempts(ctx) })
	s.jobs.Go(func() { s.repeat(ctx, "reached", time.Second, s.noteReached) })
	if db, shared := s.db.(*postgres.DB); shared && s.Node != nil {
		s.jobs.Go(func() { s.followAttempts(ctx) })
		s.jobs.Go(func() {
			s.Node.Run(ctx)
			s.leave()
		})
		s.jobs.Go(func() { s.keepUp(ctx, db) })
	}
	s.jobs.Go(func() {
		jobs.Follow(ctx, jobs.Loop{
			Name: "transparency", Log: s.Log, Run: s.Tree.RunOnce, Every: time.Second,
			Wait: func(ctx context.Context, seen uint64) error { return s.Feed.Wait(ctx, seen) }, Head: s.Feed.Head,
		})
	})
	s.jobs.Go(func() { s.followFaces(ctx) })
	s.jobs.Go(func() { s.countChecks(ctx) })
}

// Close stops what runs, answers what was queued, and lets the data directory go.
func (s *Server) Close() error {
	if s.Ledger != nil {
		s.Ledger.Close()
	}
	if s.stop != nil {
		s.stop()
		s.jobs.Wait()
	}
	err := s.closeConversations()
	if s.stop != nil {
		_, noted := s.noteReached(context.Background())
		err = errors.Join(err, noted)
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	return errors.Join(err, s.lock.release())
}
