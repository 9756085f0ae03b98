package gateway_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/messaging/smpp"
)

// exchange is a proxy between an ESME and a message centre of ours.
type exchange struct {
	*fixture
	address string

	mu       sync.Mutex
	smsc     *smpp.Session
	got      []smpp.Short
	taken    []string // the texts
	refuses  error
	relayed  []smpp.Short // to the ESME
	bindings []smpp.Bind
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (x *exchange) atSMSC(_ context.Context, p smpp.Packet) (smpp.Status, []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p.Command.IsBind() {
		b, err := smpp.ParseBind(p.Body)
		if x.bindings = append(x.bindings, b); err != nil || b.Password != "secret" {
			return smpp.BindFailed, nil
		}
		return smpp.OK, []byte("SMSC\x00")
	}
	s, err := smpp.ParseShort(p.Body)
	if err != nil {
		return smpp.InvalidLength, nil
	}
	x.got = append(x.got, s)
	return smpp.OK, []byte("id1\x00")
}

func (x *exchange) atESME(_ context.Context, p smpp.Packet) (smpp.Status, []byte) {
	s, err := smpp.ParseShort(p.Body)
	if err != nil {
		return smpp.InvalidLength, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.relayed = append(x.relayed, s)
	return smpp.OK, []byte{0}
}

func newExchange(t testing.TB) *exchange {
	t.Helper()
	return newExchangeUnder(t, nil)
}

// newExchangeUnder is an exchange whose messages are judged by rules.
func newExchangeUnder(t testing.TB, rules check.Rules) *exchange {
	t.Helper()
	x := &exchange{fixture: open(t, rules, nil)}
	if _, err := x.gate.Catalog.CreateSender(t.Context(), "test", catalog.Sender{ID: "sc", Brand: "acme", Kind: "short_code", Address: "21610", Channel: consent.SMS, Purpose: "offers"}); err != nil {
		t.Fatal(err)
	}
	center, front := listen(t), listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := center.Accept()
			if err != nil {
				return
			}
			s := smpp.NewSession(conn, smpp.SessionConfig{Handler: x.atSMSC, Window: 256})
			x.mu.Lock()
			x.smsc = s
			x.mu.Unlock()
			running.Go(func() { _ = s.Run(ctx) })
		}
	})
	p, err := gateway.NewSMPP(x.gate, gateway.SMPPConfig{
		Upstream: center.Addr().String(), Now: func() time.Time { return noon }, Purposes: map[string]consent.PurposeID{"ORD": "orders"},
		Inbound: func(_ context.Context, s *smpp.Short) error {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.refuses == nil {
				x.taken = append(x.taken, smpp.Decode(s.DataCoding, s.Message))
			}
			return x.refuses
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { _ = p.Serve(ctx, front) })
	t.Cleanup(func() {
		cancel()
		_ = center.Close()
		running.Wait()
	})
	x.address = front.Addr().String()
	return x
}

// bind connects an ESME; it returns the session and the status of the bind.
func (x *exchange) bind(t testing.TB, password string) (*smpp.Session, smpp.Status) {
	t.Helper()
	conn, err := net.Dial("tcp", x.address)
	if err != nil {
		t.Fatal(err)
	}
	s := smpp.NewSession(conn, smpp.SessionConfig{Handler: x.atESME, Window: 256})
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(context.Background()) }()
	t.Cleanup(func() { s.Close(); <-ended })
	p, err := s.Request(t.Context(), smpp.BindTransceiver, smpp.Bind{SystemID: "app", Password: password, Version: 0x34}.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return s, p.Status
}

func short(to, text string) smpp.Short {
	s := smpp.Split(text, 1)[0]
	s.Source, s.Destination = smpp.Address{TON: 3, NPI: 1, Number: "21610"}, smpp.International(to)
	return s
}

func TestAnESMEsMessagesAreChecked(t *testing.T) {
	x := newExchange(t)
	esme, status := x.bind(t, "secret")
	if status != smpp.OK || x.bindings[0].SystemID != "app" {
		t.Fatalf("bind: got %#x, %+v", status, x.bindings)
	}
	unknown := short("12025550123", "Hi")
	unknown.Source.Number = "99999"
	orders := unknown
	orders.ServiceType = "ORD"
	for _, c := range []struct {
		name string
		s    smpp.Short
		want smpp.Status
	}{
		{"allowed", short("12025550123", "Hi"), smpp.OK},
		{"withdrawn", short("12025550124", "Hi"), smpp.SubmitFailed},
		{"a stranger", short("12025550125", "Hi"), smpp.SubmitFailed},
		{"no number", short("1", "Hi"), smpp.InvalidDestination},
		{"an unknown sender", unknown, smpp.InvalidSource},
		{"of another brand", orders, smpp.SubmitFailed}, // the service type names a purpose, and nobody the brand
	} {
		before := len(x.got)
		p, err := esme.Request(t.Context(), smpp.SubmitSM, c.s.Append(nil))
		if err != nil || p.Status != c.want || (len(x.got) > before) != (c.want == smpp.OK) {
			t.Errorf("%s: got %#x, %v, relayed %d; want %#x", c.name, p.Status, err, len(x.got)-before, c.want)
		}
		if c.want == smpp.OK && string(p.Body) != "id1\x00" {
			t.Errorf("%s: answered %q, want what the SMSC answered", c.name, p.Body)
		}
	}
	for _, c := range []smpp.Command{smpp.SubmitMulti, smpp.DataSM} {
		if p, err := esme.Request(t.Context(), c, nil); err != nil || p.Status != smpp.InvalidCommand {
			t.Errorf("%#x: got %#x, %v, want it refused", uint32(c), p.Status, err)
		}
	}
	x.index.Lease().Break()
	if p, err := esme.Request(t.Context(), smpp.SubmitSM, short("12025550123", "Hi").Append(nil)); err != nil || p.Status != smpp.SystemError {
		t.Errorf("stale: got %#x, %v", p.Status, err)
	}
}

func TestAMessageIsCheckedForTheMomentThatItIsScheduledFor(t *testing.T) {
	x := newExchangeUnder(t, quiet{}) // nothing before two o'clock
	esme, _ := x.bind(t, "secret")
	for at, want := range map[string]smpp.Status{
		"": smpp.SubmitFailed, "260301133000000+": smpp.SubmitFailed, "260301143000000+": smpp.OK, "000000030000000R": smpp.OK, "at noon": smpp.InvalidSchedule,
	} {
		s := short("12025550123", "Hi")
		s.ScheduleTime = at
		if p, err := esme.Request(t.Context(), smpp.SubmitSM, s.Append(nil)); err != nil || p.Status != want {
			t.Errorf("%q: got %#x, %v, want %#x", at, p.Status, err, want)
		}
	}
}

func TestAnESMEIsJudgedByTheSMSC(t *testing.T) {
	x := newExchange(t)
	if _, status := x.bind(t, "guess"); status != smpp.BindFailed {
		t.Errorf("got %#x, want the SMSC's refusal", status)
	}
}

func TestWhatPeopleWriteIsTakenInBeforeTheESMESeesIt(t *testing.T) {
	x := newExchange(t)
	x.bind(t, "secret")
	deliver := func(text string) smpp.Status {
		var status smpp.Status
		for _, s := range smpp.Split(text, 4) {
			s.Source, s.Destination = smpp.International("12025550123"), smpp.Address{TON: 3, Number: "21610"}
			p, err := x.smsc.Request(t.Context(), smpp.DeliverSM, s.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			status = p.Status
		}
		return status
	}
	x.refuses = errors.New("the database is away")
	if s := deliver("STOP"); s != smpp.TemporaryError || len(x.relayed) != 0 {
		t.Errorf("got %#x, relayed %d: want it sent again", s, len(x.relayed))
	}
	x.refuses = smpp.ErrMalformed
	if s := deliver("?"); s != smpp.OK || len(x.relayed) != 1 {
		t.Errorf("what cannot be read is the ESME's to refuse: got %#x, relayed %d", s, len(x.relayed))
	}
	x.refuses = nil
	if s := deliver("停止 🛑"); s != smpp.OK || len(x.taken) != 1 || x.taken[0] != "停止 🛑" || len(x.relayed) != 2 {
		t.Errorf("got %#x, taken %+v, relayed %d", s, x.taken, len(x.relayed))
	}
}

func BenchmarkSubmitsThroughTheProxy(b *testing.B) {
	x := newExchange(b)
	esme, _ := x.bind(b, "secret")
	body := short("12025550123", "Hello").Append(nil)
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if p, err := esme.Request(context.Background(), smpp.SubmitSM, body); err != nil || p.Status != smpp.OK {
				b.Fatalf("got %#x, %v", p.Status, err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submits/s")
}
