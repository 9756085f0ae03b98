package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	stdsync "sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/egress"
	"github.com/consentline/consentline/internal/heard"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/sync"
)

var inboundSecret = make([]byte, 32)

// mirror is a system that tells of every change that is made in it, those that it was told of too.
type mirror struct {
	mu     stdsync.Mutex
	told   []map[string]any
	number map[string]string // by subject
}

func (m *mirror) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var e struct {
		Data map[string]any `json:"data"`
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &e)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, map[string]any{
		"id": fmt.Sprintf("change-%d", len(m.told)), "source": "/mirror", "time": time.Now().UTC().Format(time.RFC3339Nano),
		"data": map[string]any{"phone_number": e.Data["phone_number"], "brand": e.Data["brand"], "purpose": e.Data["purpose"], "channel": e.Data["channel"], "status": e.Data["status"]},
	})
}

func (m *mirror) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.told)
}

func signedCallback(events any, at time.Time) sync.Callback {
	body, err := json.Marshal(events)
	if err != nil {
		panic(err)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, inboundSecret)
	mac.Write([]byte("msg." + stamp + "." + string(body)))
	h := http.Header{}
	h.Set("webhook-id", "msg")
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return sync.Callback{Method: http.MethodPost, Header: h, Body: body, At: at}
}

// mirrored is a serving node with a destination that reports changes back.
func mirrored(t *testing.T) (*server.Server, *mirror, *heard.Listener) {
	t.Helper()
	m := &mirror{number: map[string]string{}}
	hook := httptest.NewServer(m)
	t.Cleanup(hook.Close)
	s, err := server.Open(ctx, server.Config{
		DataDir: t.TempDir(), Rules: server.NoRules, Egress: egress.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, stop := serving(t, s, "")
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		closing(t, s)
	})
	secret := "whsec_" + base64.StdEncoding.EncodeToString(inboundSecret)
	if _, err := s.Destinations.Create(ctx, "test", sync.Destination{
		ID: "mirror", Kind: "webhook", Name: "Mirror", Numbers: true, Settings: map[string]string{"url": hook.URL},
		Secrets: map[string]string{"secret": secret, "inbound_secret": secret},
	}); err != nil {
		t.Fatal(err)
	}
	return s, m, &heard.Listener{Engine: s.Sync, Ledger: s.Ledger, Recorder: s.Recorder, Now: s.Now}
}

func inStep(t *testing.T, s *server.Server) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		seq, err := s.Sync.Told(ctx, "mirror")
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("told of %d of %d entries, %v", seq, s.Feed.Head(), err)
		}
		if seq >= s.Feed.Head() {
			return
		}
		<-time.After(2 * time.Millisecond)
	}
}

// TestAnEchoNeverBecomesAnAct tells a mirror of yes and no in turn, and lets what it was told come back delayed, twice and
// in any order: nothing is recorded, and nobody's state changes.
func TestAnEchoNeverBecomesAnAct(t *testing.T) {
	s, m, l := mirrored(t)
	r := rand.New(rand.NewPCG(5, 6))
	people := grants(0, 4)
	for range 60 {
		one := people[r.IntN(len(people))]
		if r.IntN(2) == 0 {
			one.Act, one.Level, one.Confirmed = consent.Withdrawn, consent.NoLevel, false
		}
		one.Source, one.EffectiveAt, one.IdempotencyKey, one.EventID = consent.WebForm, time.Time{}, "", ""
		if results, err := s.Recorder.Record(ctx, access.Local, []act.Report{one}); err != nil || results[0].Err != nil {
			t.Fatal(err, results[0].Err)
		}
		if r.IntN(3) == 0 {
			inStep(t, s)
		}
	}
	inStep(t, s)
	head := s.Feed.Head()
	for round := range 3 {
		order := r.Perm(m.count())
		for _, i := range order {
			taken, err := l.Take(ctx, "mirror", signedCallback([]any{m.told[i]}, time.Now()))
			if err != nil || len(taken) != 1 || taken[0].Outcome != heard.Echo && taken[0].Outcome != heard.Known {
				t.Fatalf("round %d: %v came back and is %+v, %v", round, m.told[i], taken, err)
			}
		}
	}
	if now := s.Feed.Head(); now != head {
		t.Errorf("echoes made %d entries", now-head)
	}
}

func TestANoFromADestinationCountsAtOnceAndAYesOverItIsAConflict(t *testing.T) {
	s, _, l := mirrored(t)
	one := grants(1, 1)[0]
	if _, err := s.Recorder.Record(ctx, access.Local, []act.Report{one}); err != nil {
		t.Fatal(err)
	}
	inStep(t, s)
	change := func(id string, status string, at time.Time) map[string]any {
		return map[string]any{"id": id, "source": "/crm", "time": at.UTC().Format(time.RFC3339Nano), "data": map[string]any{
			"phone_number": one.Number, "brand": act.DefaultBrand, "purpose": one.Purpose, "channel": one.Channel.String(), "status": status,
		}}
	}
	take := func(events ...any) []heard.Settled {
		t.Helper()
		taken, err := l.Take(ctx, "mirror", signedCallback(events, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		return taken
	}
	status := func() consent.Status {
		n, err := phone.Parse(one.Number, "")
		if err != nil {
			t.Fatal(err)
		}
		who, err := s.Ledger.ByNumber(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		return who.Records[0].Record.Status
	}
	no := change("a", "withdrawn", time.Now().Add(5*time.Second)) // its clock runs ahead
	if taken := take(no); taken[0].Outcome != heard.Recorded || status() != consent.StatusWithdrawn {
		t.Fatalf("a no: %+v, the record is %s", taken, status())
	}
	if taken := take(no, no); taken[0].Outcome != heard.Known || taken[1].Outcome != heard.Known {
		t.Errorf("the same no again: %+v", taken)
	}
	inStep(t, s)
	yes := change("b", "granted", time.Now().Add(5*time.Second))
	if taken := take(yes); taken[0].Outcome != heard.Recorded && taken[0].Outcome != heard.Echo || status() != consent.StatusWithdrawn {
		t.Errorf("a yes over a no: %+v, the record is %s", taken, status())
	}
	bad := change("c", "withdrawn", time.Now())
	bad["data"].(map[string]any)["phone_number"] = "nobody"
	if taken := take(bad); taken[0].Outcome != heard.Rejected || taken[0].Code != act.CodeInvalidNumber {
		t.Errorf("a change of nobody: %+v", taken)
	}
	forged := signedCallback([]any{no}, time.Now())
	forged.Body = append(forged.Body, ' ')
	old := signedCallback([]any{no}, time.Now().Add(-time.Hour))
	old.At = time.Now()
	for name, c := range map[string]sync.Callback{"altered": forged, "old": old, "unsigned": {At: time.Now()}} {
		if _, err := l.Take(ctx, "mirror", c); !errors.Is(err, sync.ErrForged) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
