package kafka_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/kafka"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

// cluster is a cluster of brokers, as the client's own authors play one, with a topic of three partitions.
func cluster(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(3, "consent"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var dials atomic.Int64

func connect(t *testing.T, brokers []string, d sync.Destination) sync.Connector {
	t.Helper()
	settings := map[string]string{"brokers": strings.Join(brokers, ", "), "topic": "consent", "tls": "false"}
	for k, v := range d.Settings {
		settings[k] = v
	}
	d.ID, d.Settings = "dest", settings
	c, err := kafka.Kind.New(sync.Config{Destination: d, Now: func() time.Time { return synctest.At }, Clients: sync.Clients{
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, address)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeIt(t, c) })
	return c
}

func closeIt(t *testing.T, c sync.Connector) {
	t.Helper()
	if err := c.(io.Closer).Close(); err != nil { //nolint:forcetypeassert // it is one
		t.Error(err)
	}
}

// read returns the n records of the topic, by partition in order.
func read(t *testing.T, brokers []string, n int) map[int32][]*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("consent"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out := map[int32][]*kgo.Record{}
	for n > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records are missing: %v", n, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			out[r.Partition] = append(out[r.Partition], r)
			n--
		})
	}
	return out
}

func TestWhatConcernsOnePersonIsInOnePartitionInOrder(t *testing.T) {
	c := cluster(t)
	k := connect(t, c.ListenAddrs(), sync.Destination{})
	var want int
	for _, act := range []consent.Kind{consent.Granted, consent.Withdrawn, consent.Granted} {
		var changes []sync.Change
		for i := range 20 {
			changes = append(changes, synctest.Change(i, synctest.Texts, act))
		}
		for i, err := range k.Deliver(t.Context(), changes) {
			if err != nil {
				t.Fatalf("change %d: %v", i, err)
			}
			want++
		}
	}
	acts, home := map[string][]string{}, map[string]int32{}
	for partition, records := range read(t, c.ListenAddrs(), want) {
		for _, r := range records {
			var e struct {
				SpecVersion, ID, Subject string
				Data                     struct{ Act string }
			}
			if err := json.Unmarshal(r.Value, &e); err != nil || e.SpecVersion != "1.0" || e.Subject != string(r.Key) || e.ID == "" {
				t.Fatalf("a record is no event of its key: %v", err)
			}
			if len(r.Headers) != 1 || string(r.Headers[0].Value) != "application/cloudevents+json" || strings.Contains(string(r.Value), "447700") {
				t.Fatal("a record does not say what it is, or holds a number")
			}
			if at, there := home[e.Subject]; there && at != partition {
				t.Errorf("subject %s is in two partitions", e.Subject)
			}
			home[e.Subject] = partition
			acts[e.Subject] = append(acts[e.Subject], e.Data.Act)
		}
	}
	for subject, got := range acts {
		if strings.Join(got, " ") != "granted withdrawn granted" {
			t.Errorf("subject %s: %v", subject, got)
		}
	}
	if len(acts) != 20 {
		t.Errorf("%d subjects", len(acts))
	}
}

func TestNothingIsOpenedBeforeTheFirstDelivery(t *testing.T) {
	c := cluster(t)
	dials.Store(0)
	k := connect(t, c.ListenAddrs(), sync.Destination{})
	if n := dials.Load(); n != 0 {
		t.Errorf("%d connections before the first delivery", n)
	}
	synctest.Expect(t, k.Deliver(t.Context(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}), "taken")
	closeIt(t, k)
	synctest.Expect(t, k.Deliver(t.Context(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Withdrawn)}), "taken")
}

// refuse lets brokers answer a produce request with an error.
func refuse(c *kfake.Cluster, with *kerr.Error) {
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.ProduceRequest)                   //nolint:forcetypeassert // of this key
		out := req.ResponseKind().(*kmsg.ProduceResponse) //nolint:forcetypeassert // of this key
		for _, topic := range req.Topics {
			to := kmsg.NewProduceResponseTopic()
			to.Topic, to.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				at := kmsg.NewProduceResponseTopicPartition()
				at.Partition, at.ErrorCode = p.Partition, with.Code
				to.Partitions = append(to.Partitions, at)
			}
			out.Topics = append(out.Topics, to)
		}
		return out, nil, true
	})
}

func TestARecordThatIsTooLargeIsRefused(t *testing.T) {
	c := cluster(t)
	k := connect(t, c.ListenAddrs(), sync.Destination{})
	refuse(c, kerr.MessageTooLarge)
	errs := k.Deliver(t.Context(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)})
	synctest.Expect(t, errs, "refused")
	synctest.Expect(t, k.Deliver(t.Context(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}), "taken")
}

func TestFailingBrokersAreTriedAgain(t *testing.T) {
	c := cluster(t)
	change := []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}
	k := connect(t, c.ListenAddrs(), sync.Destination{})
	refuse(c, kerr.TopicAuthorizationFailed)
	synctest.Expect(t, k.Deliver(t.Context(), change), "down")
	missing := connect(t, c.ListenAddrs(), sync.Destination{Settings: map[string]string{"topic": "other"}})
	synctest.Expect(t, missing.Deliver(t.Context(), change), "down")
	brokers := c.ListenAddrs()
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	gone := connect(t, brokers, sync.Destination{})
	synctest.Expect(t, gone.Deliver(ctx, change), "down")
}

func TestBrokersThatAskWhoConnects(t *testing.T) {
	c := cluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "consentline", "secret"))
	change := []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}
	settings := map[string]string{"mechanism": "SCRAM-SHA-256", "user": "consentline"}
	for password, want := range map[string]string{"secret": "taken", "another": "down"} {
		ctx, cancel := context.WithTimeout(t.Context(), map[string]time.Duration{"taken": 10 * time.Second, "down": time.Second}[want])
		k := connect(t, c.ListenAddrs(), sync.Destination{Settings: settings, Secrets: map[string]string{"password": password}})
		synctest.Expect(t, k.Deliver(ctx, change), want)
		cancel()
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for field, value := range map[string]string{"brokers": "host", "topic": "a b", "tls": "no", "ca_certificate": "x", "mechanism": "GSSAPI"} {
		settings := map[string]string{"brokers": "kafka:9092", "topic": "consent", "user": "u", field: value}
		synctest.Invalid(t, kafka.Kind, field, sync.Destination{Settings: settings, Secrets: map[string]string{"password": "p"}})
	}
	synctest.Invalid(t, kafka.Kind, "user", sync.Destination{Settings: map[string]string{"brokers": "kafka:9092", "topic": "consent", "mechanism": "PLAIN"}})
}
