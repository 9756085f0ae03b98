package nats_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/nats"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

// serve runs a server of NATS with JetStream, which asks for a password.
func serve(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), Username: "consentline", Password: "secret", NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s
}

// stream makes a stream that takes what is published.
func stream(t *testing.T, s *server.Server, config jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	conn, err := client.Connect(s.ClientURL(), client.UserInfo("consentline", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	config.Name, config.Subjects = "CONSENT", []string{"consentline.acts.>"}
	out, err := js.CreateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func destination(address string) sync.Destination {
	return sync.Destination{
		Settings: map[string]string{"servers": address, "user": "consentline"}, Secrets: map[string]string{"password": "secret"},
	}
}

func connect(t *testing.T, d sync.Destination) sync.Connector {
	t.Helper()
	d.ID = "dest"
	c, err := nats.Kind.New(sync.Config{Destination: d, Now: func() time.Time { return synctest.At }, Clients: sync.Clients{
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, address)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.(io.Closer).Close(); err != nil { //nolint:forcetypeassert // it is one
			t.Error(err)
		}
	})
	return c
}

func TestTheStreamHoldsEachActOnce(t *testing.T) {
	s := serve(t)
	held := stream(t, s, jetstream.StreamConfig{})
	c := connect(t, destination(s.ClientURL()))
	changes := []sync.Change{synctest.Change(1, synctest.Texts, consent.Granted), synctest.Change(2, synctest.Texts, consent.Withdrawn)}
	for range 2 { // as after a crash
		synctest.Expect(t, c.Deliver(t.Context(), changes), "taken", "taken")
	}
	info, err := held.Info(t.Context())
	if err != nil || info.State.Msgs != 2 {
		t.Fatalf("it holds %d messages: %v", info.State.Msgs, err)
	}
	for seq := uint64(1); seq <= 2; seq++ {
		m, err := held.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		var e struct{ SpecVersion, ID, Subject string }
		if err := json.Unmarshal(m.Data, &e); err != nil || e.SpecVersion != "1.0" || m.Subject != "consentline.acts."+e.Subject ||
			m.Header.Get("Nats-Msg-Id") != e.ID || m.Header.Get("content-type") != "application/cloudevents+json" {
			t.Errorf("message %d is no event of its subject: %v", seq, err)
		}
		if strings.Contains(string(m.Data), "447700") {
			t.Errorf("message %d holds a number", seq)
		}
	}
}

func TestAMessageThatIsTooLargeIsRefused(t *testing.T) {
	s := serve(t)
	stream(t, s, jetstream.StreamConfig{MaxMsgSize: 100})
	c := connect(t, destination(s.ClientURL()))
	synctest.Expect(t, c.Deliver(t.Context(), []sync.Change{synctest.Change(1, synctest.Texts, consent.Granted)}), "refused")
}

func TestAStreamThatIsFullOrMissingIsTriedAgain(t *testing.T) {
	s := serve(t)
	c := connect(t, destination(s.ClientURL()))
	change := []sync.Change{synctest.Change(1, synctest.Texts, consent.Granted)}
	synctest.Expect(t, c.Deliver(t.Context(), change), "down") // no stream yet
	stream(t, s, jetstream.StreamConfig{MaxMsgs: 1, Discard: jetstream.DiscardNew})
	synctest.Expect(t, c.Deliver(t.Context(), change), "taken")
	synctest.Expect(t, c.Deliver(t.Context(), []sync.Change{synctest.Change(2, synctest.Texts, consent.Granted)}), "down")
}

func TestAServerThatIsAwayIsTriedAgain(t *testing.T) {
	s := serve(t)
	stream(t, s, jetstream.StreamConfig{})
	change := []sync.Change{synctest.Change(1, synctest.Texts, consent.Granted)}
	wrong := destination(s.ClientURL())
	wrong.Secrets = map[string]string{"password": "another"}
	synctest.Expect(t, connect(t, wrong).Deliver(t.Context(), change), "down")
	c := connect(t, destination(s.ClientURL()))
	synctest.Expect(t, c.Deliver(t.Context(), change), "taken")
	s.Shutdown()
	s.WaitForShutdown()
	synctest.Expect(t, c.Deliver(t.Context(), change), "down")
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for field, value := range map[string]string{"servers": "http://host", "subject": "a.*", "ca_certificate": "x"} {
		d := destination("tls://nats:4222")
		d.Settings = maps.Clone(d.Settings)
		d.Settings[field] = value
		synctest.Invalid(t, nats.Kind, field, d)
	}
	d := destination("tls://nats:4222")
	d.Secrets["token"] = "t"
	synctest.Invalid(t, nats.Kind, "user", d)
	delete(d.Settings, "user")
	synctest.Invalid(t, nats.Kind, "user", d)
}
