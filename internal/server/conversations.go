package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/jobs"
	"github.com/consentline/consentline/internal/messaging/filelog"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/messaging/texts"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/portal"
	"github.com/consentline/consentline/internal/reply"
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
	parts := inbound.Parts{
		Ledger: s.Ledger, Catalog: s.Catalog, DB: s.db, Vault: s.vault, Providers: set, Now: s.Now, Listed: s.listed, OptIn: s.config.OptIn,
	}
	if s.Rules != nil {
		parts.EndsAll = s.Rules.EndsAll
	}
	if base := s.config.Providers.PublicURL; base != "" {
		parts.LinkBase = strings.TrimRight(base, "/") + portal.ConfirmPath
	}
	if parts.Keywords, parts.Texts, err = s.config.Words.read(); err != nil {
		return err
	}
	s.Conversations, err = inbound.Open(ctx, parts)
	return err
}

// Words are files that replace built-in words line by line. Empty: the built-in ones stand.
type Words struct {
	Keywords string `json:"keywords,omitempty"` // by what people are understood, as consentline classify --words takes them
	Answers  string `json:"answers,omitempty"`  // what they are told: kind, language and words, parted by tabs
}

func (w Words) read() (keywords *reply.Set, answers *texts.Set, err error) {
	if w.Keywords != "" {
		if keywords, err = parsed(w.Keywords, func(raw []byte) (*reply.Set, error) { return reply.ParseSet(bytes.NewReader(raw)) }); err != nil {
			return nil, nil, err
		}
	}
	if w.Answers != "" {
		answers, err = parsed(w.Answers, func(raw []byte) (*texts.Set, error) { return texts.Parse(string(raw)) })
	}
	return keywords, answers, err
}

func parsed[T any](name string, parse func([]byte) (*T, error)) (*T, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read words: %w", err)
	}
	v, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read words: %s: %w", name, err)
	}
	return v, nil
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
	running.Go(s.Conversations.Prepare)
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
