// Package kafka writes each act to a topic of Apache Kafka, as a CloudEvents 1.0 object in structured mode.
//
// Others may rely on this: the key of a record is the subject's ID, so that what concerns one person is in one partition
// in order; the producer is idempotent and waits for all replicas in sync. After a crash an event may be written twice,
// with the same id.
package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"regexp"
	"strings"
	stdsync "sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/cloudevent"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "kafka",
	Doc:  "A topic of Apache Kafka: each act as a CloudEvent, keyed by the subject.",
	Settings: []sync.Setting{
		{Name: "brokers", Doc: "HOST:PORT, several with commas between", Required: true},
		{Name: "topic", Doc: "which must be there", Required: true},
		{Name: "tls", Doc: "false connects without encryption; true unless given"},
		{Name: "ca_certificate", Doc: "of an authority of your own, in PEM"},
		{Name: "mechanism", Doc: "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, where brokers ask who connects"},
		{Name: "user", Doc: "for the mechanism"},
		{Name: "password", Doc: "for the mechanism", Secret: true},
	},
	New: open,
}

type connector struct {
	options []kgo.Opt
	topic   string
	events  cloudevent.Maker

	mu     stdsync.Mutex
	client *kgo.Client // from the first delivery on
}

var (
	topicPattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)
	brokerPattern = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+:[0-9]{1,5}$`)
)

// deliveryTimeout ends a delivery that brokers do not answer.
const deliveryTimeout = 15 * time.Second

func open(c sync.Config) (sync.Connector, error) {
	k := &connector{topic: c.Settings["topic"], events: cloudevent.NewMaker(&c)}
	if !topicPattern.MatchString(k.topic) {
		return nil, &sync.InvalidError{Field: "topic", Reason: "want 1 to 249 of letters, digits, dot, dash and underscore"}
	}
	brokers := strings.Split(c.Settings["brokers"], ",")
	for i, b := range brokers {
		brokers[i] = strings.TrimSpace(b)
		if !brokerPattern.MatchString(brokers[i]) {
			return nil, &sync.InvalidError{Field: "brokers", Reason: "want HOST:PORT, several with commas between"}
		}
	}
	dial, err := dialer(&c)
	if err != nil {
		return nil, err
	}
	k.options = []kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(k.topic), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.Dialer(dial),
		kgo.RecordDeliveryTimeout(deliveryTimeout), kgo.ProduceRequestTimeout(10 * time.Second), kgo.UnknownTopicRetries(1), kgo.ProducerLinger(0),
		kgo.ClientID("consentline"), kgo.DisableClientMetrics(),
	}
	mechanism, err := mechanismOf(&c)
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		k.options = append(k.options, kgo.SASL(mechanism))
	}
	return k, nil
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dialer connects as outgoing requests may, and with TLS unless that was declined.
func dialer(c *sync.Config) (dialFunc, error) {
	dial := c.Clients.Dial
	switch c.Setting("tls", "true") {
	case "true":
	case "false":
		return dial, nil
	default:
		return nil, &sync.InvalidError{Field: "tls", Reason: "want true or false"}
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12}
	if pem := c.Settings["ca_certificate"]; pem != "" {
		base.RootCAs = x509.NewCertPool()
		if !base.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, &sync.InvalidError{Field: "ca_certificate", Reason: "holds no certificate in PEM"}
		}
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := base.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address) // as brokers name themselves
		conn := tls.Client(plain, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = plain.Close() // the handshake's error says more
			return nil, err
		}
		return conn, nil
	}, nil
}

func mechanismOf(c *sync.Config) (sasl.Mechanism, error) {
	user, password := c.Settings["user"], c.Secrets["password"]
	name := c.Settings["mechanism"]
	if name != "" && (user == "" || password == "") {
		return nil, &sync.InvalidError{Field: "user", Reason: "a mechanism needs user and password"}
	}
	switch name {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	}
	return nil, &sync.InvalidError{Field: "mechanism", Reason: "want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"}
}

// Limits wants each act. What concerns one person stays in order.
func (k *connector) Limits() sync.Limits { return sync.Limits{Batch: 1000, InFlight: 4, Events: true} }

func (k *connector) producer() (*kgo.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		return k.client, nil
	}
	client, err := kgo.NewClient(k.options...)
	if err != nil {
		return nil, &sync.LaterError{Code: "settings", Reason: "the client does not take its settings", All: true}
	}
	k.client = client
	return client, nil
}

// Close lets go of the brokers.
func (k *connector) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		k.client.Close()
		k.client = nil
	}
	return nil
}

// Deliver writes one record for each change, and waits until all replicas in sync have them.
func (k *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	client, err := k.producer()
	if err != nil {
		return sync.Every(len(changes), err)
	}
	out, at := make([]error, len(changes)), make(map[*kgo.Record]int, len(changes))
	records := make([]*kgo.Record, len(changes))
	for i := range changes {
		event := k.events.Of(ctx, &changes[i])
		value, err := json.Marshal(event)
		if err != nil {
			return sync.Every(len(changes), err)
		}
		records[i] = &kgo.Record{
			Key: []byte(event.Subject), Value: value, Timestamp: changes[i].RecordedAt,
			Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte(cloudevent.ContentType)}},
		}
		at[records[i]] = i
	}
	for _, r := range client.ProduceSync(ctx, records...) {
		if r.Err != nil {
			out[at[r.Record]] = verdict(r.Err)
		}
	}
	return out
}

// verdict keeps Kafka's name of an error and leaves its text out.
func verdict(err error) error {
	var known *kerr.Error
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge), errors.Is(err, kerr.InvalidRecord):
		errors.As(err, &known)
		return &sync.RefusedError{Code: known.Message, Reason: "the topic does not take the record"}
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return &sync.LaterError{Code: kerr.UnknownTopicOrPartition.Message, Reason: "the topic is not there", All: true}
	case errors.As(err, &known):
		return &sync.LaterError{Code: known.Message, Reason: "the brokers do not take records at present", All: true}
	}
	return &sync.LaterError{Code: "unreachable", Reason: "the brokers do not answer", All: true}
}
