//go:build unix

// Package scenarios tells every story of this folder to each surface on each database.
package scenarios

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/rulebook"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/suppression"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var ctx = context.Background()

// listener hears a story: a surface of a running server.
type listener interface {
	// record reports an act, given by the API's names of its fields, and returns its outcome or the code of its refusal.
	record(t *testing.T, fields map[string]string) string

	// check asks, and returns the verdict and its code.
	check(t *testing.T, fields map[string]string) string

	// reserve asks, and counts the contact if it is allowed; it returns the verdict and its code.
	reserve(t *testing.T, fields map[string]string) string

	// attempt reports a contact that was made.
	attempt(t *testing.T, fields map[string]string)

	// member puts a number on a list or takes it off.
	member(t *testing.T, list, number string, add bool)
}

// surfaces open a server to a story; after a restart they are given what heard it before.
var surfaces = map[string]func(*testing.T, *server.Server, listener) listener{"in process": inProcess, "over HTTP": overHTTP}

func TestEveryStoryComesOutAlikeEverywhere(t *testing.T) {
	stories, err := filepath.Glob("*.txt")
	if err != nil || len(stories) < 5 {
		t.Fatalf("%d stories, %v", len(stories), err)
	}
	for _, file := range stories {
		for _, database := range []string{"sqlite", "postgres"} {
			for surface, open := range surfaces {
				t.Run(strings.TrimSuffix(file, ".txt")+"/"+database+"/"+surface, func(t *testing.T) {
					newTelling(t, database, open).tell(file)
				})
			}
		}
	}
}

// telling is one story on its way to one listener.
type telling struct {
	t      *testing.T
	config server.Config
	server *server.Server
	hear   func(*testing.T, *server.Server, listener) listener
	to     listener
	now    atomic.Int64 // microseconds
	line   string
}

func newTelling(t *testing.T, database string, hear func(*testing.T, *server.Server, listener) listener) *telling {
	s := &telling{t: t, hear: hear}
	s.now.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	s.config = server.Config{
		DataDir: t.TempDir(), Rules: server.NoRules, SingleNode: true,
		Now: func() time.Time { return time.UnixMicro(s.now.Load()).UTC() },
	}
	if database == "postgres" {
		s.config.Database = pgtest.Shared(t).Schema(t)
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *telling) start() {
	s.t.Helper()
	var err error
	if s.server, err = server.Open(ctx, s.config); err != nil {
		s.t.Fatal(err)
	}
	s.to = s.hear(s.t, s.server, s.to)
}

func (s *telling) stop() {
	if err := s.server.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *telling) tell(file string) {
	f, err := os.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s.line = fmt.Sprintf("%s:%d: %s", file, n, line)
		s.step(line)
	}
	if err := lines.Err(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *telling) step(line string) {
	told, want, _ := strings.Cut(line, " -> ")
	words := strings.Fields(told)
	verb, args := words[0], words[1:]
	shape := map[string]int{"at": 1, "brand": 1, "list": 1, "suppress": 2, "release": 2, "record": 4, "check": 3, "reserve": 3, "attempt": 3, "rules": 0, "ban": 2, "lift": 1, "restart": 0}
	n, known := shape[verb]
	if !known || len(args) < n {
		s.t.Fatalf("%s\nis no step: see README.md", s.line)
	}
	switch verb {
	case "record":
		s.want(want, s.to.record(s.t, s.fields(args, "number", "act", "purpose", "channel")))
	case "check":
		s.want(want, s.to.check(s.t, s.fields(args, "number", "purpose", "channel")))
	case "reserve":
		s.want(want, s.to.reserve(s.t, s.fields(args, "number", "purpose", "channel")))
	case "attempt":
		s.to.attempt(s.t, s.fields(args, "number", "purpose", "channel"))
	case "suppress", "release":
		s.to.member(s.t, args[0], args[1], verb == "suppress")
	default:
		s.arrange(verb, args)
	}
}

// arrange is what is done to the server itself, in whatever way the story is told.
func (s *telling) arrange(verb string, args []string) {
	var err error
	switch verb {
	case "at":
		var at time.Time
		if at, err = time.Parse(time.RFC3339, args[0]); err == nil && at.UnixMicro() < s.now.Load() {
			err = fmt.Errorf("the clock only moves on")
		}
		s.now.Store(at.UnixMicro())
	case "brand":
		_, err = s.server.Catalog.CreateBrand(ctx, "test", catalog.Brand{ID: consent.BrandID(args[0]), Name: args[0]})
	case "list":
		_, err = s.server.Lists.Create(ctx, "test", suppression.List{ID: args[0], Name: args[0], Kind: "own"}, s.server.Now())
	case "rules":
		s.config.Rules = ""
		s.stop()
		s.start()
	case "ban":
		err = s.keeper().Put(ctx, "test", rulebook.Ban{ID: args[0], Region: args[1], Reason: "a story"})
	case "lift":
		err = s.keeper().Lift(ctx, "test", rulebook.Ban{ID: args[0]})
	case "restart":
		s.stop()
		s.start()
	}
	if err != nil {
		s.t.Fatalf("%s\n%v", s.line, err)
	}
}

func (s *telling) keeper() *rulebook.Keeper {
	return &rulebook.Keeper{Book: s.server.Rules, Ledger: s.server.Ledger}
}

func (s *telling) want(want, got string) {
	if want == "" || got != want {
		s.t.Errorf("%s\ngot %q, want %q", s.line, got, want)
	}
}

// allowed are the names that may stand before an equals sign.
var allowed = []string{"brand", "source", "level", "effective_at", "valid_until", "event_id", "confirmed", "key", "at", "known_at"}

func (s *telling) fields(args []string, names ...string) map[string]string {
	out := map[string]string{}
	for i, name := range names {
		out[name] = args[i]
	}
	for _, pair := range args[len(names):] {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !slices.Contains(allowed, name) {
			s.t.Fatalf("%s\n%q is nothing that may be told: see README.md", s.line, pair)
		}
		out[name] = value
	}
	return out
}
