package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/rulebook"
)

// NoRules, in the place of a folder, leaves every verdict to consent and suppression alone.
const NoRules = "none"

// openRules reads the rules, which stops the start if one of them cannot be read.
func (s *Server) openRules() error {
	s.counter = attempt.NewCounter()
	if s.config.Rules == NoRules {
		return nil
	}
	packs, err := s.packs()
	if err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	if s.Rules, err = rulebook.New(rulebook.Config{Packs: packs, Attempts: s.counter}); err != nil {
		return fmt.Errorf("compile the rules: %w", err)
	}
	return nil
}

// packs are those built in and, over them, those of the folder that was named, or that lies in the data directory.
func (s *Server) packs() ([]*policy.Pack, error) {
	dir := s.config.Rules
	if dir == "" {
		dir = filepath.Join(s.DataDir, "rules")
		if _, err := os.Stat(dir); err != nil {
			dir = ""
		}
	}
	return rulebook.Load(dir)
}

// gate is the last gate of the check; without rules there is none.
func (s *Server) gate() check.Rules {
	if s.Rules == nil {
		return nil
	}
	return s.Rules
}

// retaining says how long contacts matter; without rules nothing does.
func (s *Server) retaining() attempt.Rules {
	if s.Rules == nil {
		return nil
	}
	return s.Rules
}

// applyRules puts what the operator changed in the rules in force.
func (s *Server) applyRules(definitions []ledger.Definition) error {
	if s.Rules == nil {
		return nil
	}
	return s.Rules.Apply(definitions...)
}

// attemptsEvery is how often a node asks what contacts the others have counted. Reservations do not wait for it.
const attemptsEvery = 200 * time.Millisecond

// followAttempts counts what other nodes count, until the context ends.
func (s *Server) followAttempts(ctx context.Context) {
	s.repeat(ctx, "attempts of other nodes", attemptsEvery, s.Attempts.Follow)
}

// forgetAttempts deletes once a day what no cap counts any more, until the context ends.
func (s *Server) forgetAttempts(ctx context.Context) {
	s.repeat(ctx, "attempts", 24*time.Hour, s.Attempts.RunOnce)
}
