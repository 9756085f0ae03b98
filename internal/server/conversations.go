package server

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/jobs"
	"github.com/consentline/consentline/internal/messaging/filelog"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/phone"
)

// MessagesFile is the file in the data directory that messages go to while no provider is configured.
const MessagesFile = "messages.ndjson"

// openConversations makes what talks with people. It sends nothing before Serve: a command that opens the directory for
// a moment knows no providers, and would write into the file what one of them is to send.
func (s *Server) openConversations(ctx context.Context) (err error) {
	console := slog.NewLogLogger(s.Log.Handler(), slog.LevelInfo).Writer()
	if s.messages, err = filelog.Open(filepath.Join(s.DataDir, MessagesFile), console, s.Now); err != nil {
		return err
	}
	set, err := providers.New(s.config.Providers, s.messages, s.Now)
	if err != nil {
		return fmt.Errorf("the providers: %w", err)
	}
	s.Conversations, err = inbound.Open(ctx, inbound.Parts{
		Ledger: s.Ledger, Catalog: s.Catalog, DB: s.db, Vault: s.vault, Providers: set, Now: s.Now, Listed: s.listed,
	})
	return err
}

// listed reports whether a number stands on a suppression list that holds for a brand.
func (s *Server) listed(n phone.Number, brand consent.BrandID) bool {
	return slices.ContainsFunc(s.Index.Suppressions(n), func(l check.List) bool { return l.Brand == "" || l.Brand == brand })
}

// How often what conversations leave to do is looked at: answers are due within minutes, and are sent within a second.
const (
	sendEvery    = time.Second
	tidyEvery    = time.Minute
	connectEvery = 5 * time.Second
)

// converse sends what is due, tidies, and keeps the SMSC connected, until the context ends.
func (s *Server) converse(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { s.repeat(ctx, "messages", sendEvery, s.Conversations.Send) })
	running.Go(func() { s.repeat(ctx, "conversations", tidyEvery, s.Conversations.Tidy) })
	if client := s.Conversations.Providers.SMPP(); client != nil {
		running.Go(func() {
			s.repeat(ctx, "smpp", connectEvery, func(ctx context.Context) (int, error) { return 0, client.Connect(ctx) })
		})
	}
	running.Wait()
}

// repeat runs a job again and again, whatever the ledger does, until the context ends.
func (s *Server) repeat(ctx context.Context, name string, every time.Duration, run func(context.Context) (int, error)) {
	jobs.Follow(ctx, jobs.Loop{
		Name: name, Log: s.Log, Run: run, Every: every, Head: func() uint64 { return 0 },
		Wait: func(ctx context.Context, _ uint64) error {
			<-ctx.Done()
			return ctx.Err()
		},
	})
}

// closeConversations lets the SMSC and the file of messages go.
func (s *Server) closeConversations() error {
	if s.Conversations != nil {
		if client := s.Conversations.Providers.SMPP(); client != nil {
			client.Close()
		}
	}
	if s.messages == nil {
		return nil
	}
	if err := s.messages.Close(); err != nil {
		return fmt.Errorf("close the file of messages: %w", err)
	}
	return nil
}
