// Package nats publishes each act to a stream of NATS JetStream, as a CloudEvents 1.0 object in structured mode.
//
// Others may rely on this: the subject of a message ends with the ID of the ledger's subject, so that what concerns one
// person can be followed in order; Nats-Msg-Id is the event's id, by which the stream drops what is sent twice within its
// window of duplicates; an acknowledgement is the stream's own.
package nats

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	stdsync "sync"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/cloudevent"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "nats",
	Doc:  "A stream of NATS JetStream: each act as a CloudEvent.",
	Settings: []sync.Setting{
		{Name: "servers", Doc: "tls://HOST:PORT or nats://HOST:PORT, several with commas between", Required: true},
		{Name: "subject", Doc: "what messages are published to, with the subject's ID after it; consentline.acts unless given. A stream must take SUBJECT.>"},
		{Name: "ca_certificate", Doc: "of an authority of your own, in PEM"},
		{Name: "user", Doc: "where servers ask for a user and password"},
		{Name: "password", Doc: "of the user", Secret: true},
		{Name: "token", Doc: "where servers ask for a token", Secret: true},
		{Name: "credentials", Doc: "where servers ask for a JWT: what its .creds file holds", Secret: true},
	},
	New: open,
}

type connector struct {
	servers string
	subject string
	options []client.Option
	events  cloudevent.Maker

	mu     stdsync.Mutex
	conn   *client.Conn // from the first delivery on
	stream jetstream.JetStream
}

var subjectPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$`)

func open(c sync.Config) (sync.Connector, error) {
	n := &connector{subject: c.Setting("subject", "consentline.acts"), events: cloudevent.NewMaker(&c)}
	if !subjectPattern.MatchString(n.subject) {
		return nil, &sync.InvalidError{Field: "subject", Reason: "want words of letters, digits, dash and underscore with dots between"}
	}
	secure := false
	servers := strings.Split(c.Settings["servers"], ",")
	for i, s := range servers {
		servers[i] = strings.TrimSpace(s)
		at, err := url.Parse(servers[i])
		if err != nil || at.Host == "" || at.User != nil || at.Scheme != "nats" && at.Scheme != "tls" {
			return nil, &sync.InvalidError{Field: "servers", Reason: "want tls://HOST:PORT or nats://HOST:PORT, several with commas between"}
		}
		secure = secure || at.Scheme == "tls"
	}
	n.servers = strings.Join(servers, ",")
	n.options = []client.Option{
		client.Name("consentline"), client.SetCustomDialer(guarded{c.Clients.Dial}), client.SkipHostLookup(), client.NoReconnect(), client.Timeout(10 * time.Second),
	}
	if secure {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if pem := c.Settings["ca_certificate"]; pem != "" {
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM([]byte(pem)) {
				return nil, &sync.InvalidError{Field: "ca_certificate", Reason: "holds no certificate in PEM"}
			}
		}
		n.options = append(n.options, client.Secure(config))
	}
	return n, n.authenticate(&c)
}

// authenticate takes one way to say who connects.
func (n *connector) authenticate(c *sync.Config) error {
	ways := 0
	if user := c.Settings["user"]; user != "" || c.Secrets["password"] != "" {
		if user == "" || c.Secrets["password"] == "" {
			return &sync.InvalidError{Field: "user", Reason: "a user and a password go together"}
		}
		n.options = append(n.options, client.UserInfo(user, c.Secrets["password"]))
		ways++
	}
	if token := c.Secrets["token"]; token != "" {
		n.options = append(n.options, client.Token(token))
		ways++
	}
	if file := c.Secrets["credentials"]; file != "" {
		n.options = append(n.options, client.UserCredentialBytes([]byte(file)))
		ways++
	}
	if ways > 1 {
		return &sync.InvalidError{Field: "user", Reason: "want one of user with password, token, and credentials"}
	}
	return nil
}

// guarded connects as outgoing requests may, also to servers that others name.
type guarded struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (g guarded) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return g.dial(ctx, network, address)
}

// Limits wants each act. What concerns one person stays in order.
func (n *connector) Limits() sync.Limits { return sync.Limits{Batch: 500, InFlight: 4, Events: true} }

// connected returns the stream's client, with a connection that stands.
func (n *connector) connected() (jetstream.JetStream, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn != nil && n.conn.IsConnected() {
		return n.stream, nil
	}
	if n.conn != nil {
		n.conn.Close()
		n.conn = nil
	}
	conn, err := client.Connect(n.servers, n.options...)
	switch {
	case errors.Is(err, client.ErrAuthorization), errors.Is(err, client.ErrAuthExpired):
		return nil, &sync.LaterError{Code: "authorization", Reason: "it does not accept the credentials", After: 5 * time.Minute, All: true}
	case err != nil:
		return nil, &sync.LaterError{Code: "unreachable", Reason: "no server answers", All: true}
	}
	stream, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, &sync.LaterError{Code: "jetstream", Reason: "the client takes no JetStream", All: true}
	}
	n.conn, n.stream = conn, stream
	return stream, nil
}

// Close lets go of the servers.
func (n *connector) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn != nil {
		n.conn.Close()
		n.conn = nil
	}
	return nil
}

// ackTimeout ends the wait for a stream that does not answer.
const ackTimeout = 10 * time.Second

// Deliver publishes a message for each change, and waits until the stream has them.
func (n *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	stream, err := n.connected()
	if err != nil {
		return sync.Every(len(changes), err)
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	out, acks := make([]error, len(changes)), make([]jetstream.PubAckFuture, len(changes))
	for i := range changes {
		event := n.events.Of(ctx, &changes[i])
		body, err := json.Marshal(event)
		if err != nil {
			return sync.Every(len(changes), err)
		}
		m := client.NewMsg(n.subject + "." + event.Subject)
		m.Header.Set("content-type", cloudevent.ContentType)
		m.Data = body
		if acks[i], err = stream.PublishMsgAsync(m, jetstream.WithMsgID(event.ID)); err != nil {
			out[i] = verdict(err)
		}
	}
	for i, ack := range acks {
		if out[i] == nil {
			out[i] = wait(ctx, ack)
		}
	}
	return out
}

func wait(ctx context.Context, ack jetstream.PubAckFuture) error {
	select {
	case <-ack.Ok():
		return nil
	case err := <-ack.Err():
		return verdict(err)
	case <-ctx.Done():
		return &sync.LaterError{Code: "timeout", Reason: "the stream does not acknowledge", All: true}
	}
}

// verdict keeps the stream's code of an error and leaves its text out.
func verdict(err error) error {
	const tooLarge = 10054 // JSStreamMessageExceedsMaximumErr, of the server's errors.json
	var api *jetstream.APIError
	switch {
	case errors.Is(err, client.ErrMaxPayload):
		return &sync.RefusedError{Code: "max_payload", Reason: "the server does not take messages of that size"}
	case errors.As(err, &api) && api.ErrorCode == tooLarge:
		return &sync.RefusedError{Code: strconv.Itoa(tooLarge), Reason: "the stream does not take messages of that size"}
	case errors.As(err, &api):
		return &sync.LaterError{Code: strconv.Itoa(int(api.ErrorCode)), Reason: "the stream does not take messages at present", All: true}
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return &sync.LaterError{Code: "no_stream", Reason: "no stream takes the subject", All: true}
	}
	return &sync.LaterError{Code: "unreachable", Reason: "the server does not answer", All: true}
}
