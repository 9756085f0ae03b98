package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/demo"
	"github.com/consentline/consentline/internal/egress"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/signon"
)

type serveCmd struct {
	Data      string    `default:"./consentline-data" env:"CONSENTLINE_DATA" placeholder:"DIR" help:"The data directory; it is made if it is not there."`
	Listen    string    `default:"127.0.0.1:8080" env:"CONSENTLINE_LISTEN" placeholder:"HOST:PORT" help:"The address to answer on; port 0 takes a free one."`
	Rules     string    `env:"CONSENTLINE_RULES" placeholder:"PACKS" help:"The rules of law and contracts that checks apply: builtin, a folder of packs that stand over those built in, or none (a grant allows, and nothing else is asked). Left out: builtin, with the folder rules in the data directory over it, if it is there."`
	Database  string    `env:"CONSENTLINE_DATABASE" placeholder:"URL" help:"A PostgreSQL database that several nodes may share, postgres://user@host/database; keep its password in a passfile. Left out: SQLite in the data directory."`
	MasterKey string    `env:"CONSENTLINE_MASTER_KEY" placeholder:"FILE" help:"The key file that all nodes share. Left out: master.key in the data directory."`
	OnlyNode  bool      `name:"single-node" help:"No other node uses the database: withdrawals wait for nobody."`
	Freshness freshness `default:"500ms" placeholder:"TIME" help:"For how long a node may answer after it last polled the database, and so how long withdrawals wait; or readindex: every check waits for a poll of its own, and withdrawals for nobody. The same on all nodes, or a node does not start."`
	Providers string    `env:"CONSENTLINE_PROVIDERS" placeholder:"FILE" help:"A JSON file that configures the providers of messages, double opt-in and the gateways; it holds secrets, so only its owner should read it. Left out: messages go into messages.ndjson in the data directory."`
	Countries []string  `name:"optin-countries" env:"CONSENTLINE_OPTIN_COUNTRIES" placeholder:"US,GB" help:"The countries to which questions of double opt-in may go. Left out: those of the file of --providers, else each brand's own."`
	SignOn    string    `env:"CONSENTLINE_SIGN_ON" placeholder:"FILE" help:"A JSON file that configures single sign-on for staff; it holds a secret, so only its owner should read it. Left out: staff sign in here."`

	Reach []netip.Prefix `env:"CONSENTLINE_REACH" placeholder:"NETWORK" help:"A network that destinations may be in though it is no public one, such as 10.0.0.0/8; may be given again. Left out: requests go to public addresses alone."`

	Demo      bool          `help:"Load a sample of about 5,000 fictional people into an empty ledger first."`
	Twilio    string        `name:"gateway-twilio" env:"CONSENTLINE_GATEWAY_TWILIO" placeholder:"HOST:PORT" help:"Stand in for https://api.twilio.com at this address, and forward what the check allows. Left out: not at all."`
	SMPP      string        `name:"gateway-smpp" env:"CONSENTLINE_GATEWAY_SMPP" placeholder:"HOST:PORT" help:"Stand between applications and the SMSC of --providers at this address. Left out: not at all."`
	Origin    string        `env:"CONSENTLINE_ORIGIN" placeholder:"NAME" help:"The public log's name, such as consent.example/log. It stands in every checkpoint: choose it once."`
	Grace     time.Duration `default:"15s" help:"How long calls under way may take when the server stops."`
	LogFormat string        `enum:"text,json" default:"text" help:"How to write the log: text or json."`
	LogLevel  slog.Level    `default:"info" help:"The least level to log: debug, info, warn or error."`
	jsonFlag
}

// Help implements kong.HelpProvider.
func (serveCmd) Help() string {
	return `The server keeps everything in the data directory and answers REST under /v1, documentation at /docs, and /healthz, /readyz and /metrics. Other commands on this machine that are given the same --data go through it.

At the first start it makes an admin key and prints it once. SIGINT or SIGTERM stops it: calls under way are finished.

A node on PostgreSQL opens at most 15 connections. --database takes the parameters of libpq: sslmode=verify-full, sslrootcert, sslcert and sslkey for TLS, passfile for the password, search_path for the schema, target_session_attrs=primary where it names several hosts.

Examples:
  consentline serve --demo
  consentline serve --data /var/lib/consentline --listen 0.0.0.0:8080 --log-format json
  consentline serve --database postgres://consentline@db/consentline --master-key /etc/consentline/master.key
  consentline serve --providers providers.json --gateway-twilio 127.0.0.1:8090`
}

// freshness is how a node knows that it knows the latest withdrawals.
type freshness struct {
	lease     time.Duration // zero: the usual
	readIndex bool
}

// The least and the longest lease that make sense: a poll takes milliseconds, and withdrawals wait for the lease.
const (
	minLease = 20 * time.Millisecond
	maxLease = time.Minute
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *freshness) UnmarshalText(text []byte) error {
	if string(text) == "readindex" {
		f.readIndex = true
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < minLease || d > maxLease {
		return fmt.Errorf("%q: want a time from %s to %s, such as 500ms, or readindex", text, minLease, maxLease)
	}
	f.lease = d
	return nil
}

// started is what serve tells, once it answers.
type started struct {
	Address string `json:"address"`
	Data    string `json:"data"`
	Key     string `json:"key,omitempty"` // of an admin; only when there was none
	Console string `json:"console"`       // at the first start, a link that lets the first person in once
}

// Run serves until the context ends.
func (c *serveCmd) Run(ctx context.Context, a *App) error {
	if err := ownAlone(c.Data); err != nil {
		return err
	}
	log := c.logger(a)
	talk, err := c.conversations()
	if err != nil {
		return err
	}
	signOn, err := c.signOn()
	if err != nil {
		return err
	}
	s, err := server.Open(ctx, server.Config{
		DataDir: c.Data, Database: c.Database, MasterKeyFile: c.MasterKey, SingleNode: c.OnlyNode, Delta: c.Freshness.lease, ReadIndex: c.Freshness.readIndex,
		Origin: c.Origin, Rules: rulesOf(c.Rules), Providers: talk.Config, OptIn: talk.OptIn, Gateway: talk.Gateway, Words: talk.Words,
		SignOn: signOn, Egress: egress.Policy{Allowed: c.Reach}, Now: a.Now, Log: log,
	})
	if errors.Is(err, server.ErrInUse) {
		return describeOwner(c.Data, err)
	}
	if err != nil {
		return err
	}
	return errors.Join(c.serve(ctx, a, s), s.Close())
}

// conversations reads the file; without one there are no providers.
func (c *serveCmd) conversations() (v server.Settings, err error) {
	if c.Providers != "" {
		file, err := os.Open(c.Providers)
		if err != nil {
			return v, fmt.Errorf("--providers: %w", err)
		}
		v, err = server.ReadSettings(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return v, fmt.Errorf("--providers %s: %w", c.Providers, err)
		}
	}
	if len(c.Countries) > 0 {
		v.OptIn.Countries = c.Countries
	}
	return v, nil
}

// signOn reads the file that configures single sign-on; without one there is none.
func (c *serveCmd) signOn() (*signon.Config, error) {
	if c.SignOn == "" {
		return nil, nil
	}
	file, err := os.Open(c.SignOn)
	if err != nil {
		return nil, fmt.Errorf("--sign-on: %w", err)
	}
	config, err := signon.Parse(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("--sign-on %s: %w", c.SignOn, err)
	}
	return &config, nil
}

func (c *serveCmd) logger(a *App) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.Err, options))
	}
	return slog.New(slog.NewTextHandler(a.Err, options))
}

func (c *serveCmd) serve(ctx context.Context, a *App, s *server.Server) (err error) {
	leave, err := own(c.Data, a.Now(), c.Listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if c.Demo && !demo.Loaded(s) {
		sum, err := demo.Load(ctx, s, demo.Options{})
		if err != nil {
			return fmt.Errorf("load the sample into %s: %w", c.Data, err)
		}
		s.Log.InfoContext(ctx, "loaded the sample", "people", sum.People, "acts", sum.Acts)
	}
	serving, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err = s.Serve(serving, server.Listening{
		Addr: c.Listen, Version: buildVersion().Version, Grace: c.Grace, GatewayTwilio: c.Twilio, GatewaySMPP: c.SMPP,
		GatewayReady: func(name string, addr net.Addr) {
			s.Log.InfoContext(ctx, "gateway ready", "speaks", name, "address", addr.String())
			warnOfNetwork(ctx, s, addr)
		},
		Ready: func(addr net.Addr) {
			if err := c.greet(serving, a, s, addr); err != nil {
				fail(err)
			}
		},
	})
	if cause := context.Cause(serving); ctx.Err() == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: choose another address with --listen, such as --listen 127.0.0.1:%d", err, freePort)
	}
	if err == nil {
		s.Log.InfoContext(context.WithoutCancel(ctx), "stopped")
	}
	return err
}

// freePort is one to suggest when the usual one is taken.
const freePort = 8081

// greet tells where the server answers, and makes the first admin key. It comes after listening has begun: a key that
// was made before a failure to listen would be lost unseen.
func (c *serveCmd) greet(ctx context.Context, a *App, s *server.Server, addr net.Addr) error {
	out := started{Address: "http://" + addr.String(), Data: c.Data}
	out.Console = out.Address + "/console/"
	if len(s.Gate.Keys()) == 0 {
		_, secret, err := s.Gate.Create(ctx, access.Local, access.Key{Name: "first admin key", Role: access.Admin})
		if err != nil {
			return fmt.Errorf("make the first admin key: %w", err)
		}
		out.Key = secret
	}
	if len(s.Gate.People()) == 0 && out.Key != "" {
		link, err := s.People.FirstLink(ctx, firstLinkLasts)
		if err != nil {
			return fmt.Errorf("make the first link to the console: %w", err)
		}
		out.Console += "enter/" + link
	}
	if _, err := own(c.Data, a.Now(), addr.String()); err != nil {
		return err
	}
	warnOfNetwork(ctx, s, addr)
	s.Log.InfoContext(ctx, "ready", "address", out.Address, "data", c.Data, "records", s.Index.Stats().Records)
	if c.JSON {
		return json.NewEncoder(a.Out).Encode(out)
	}
	console := out.Console
	key := "there is one already; make another with: consentline keys create --data " + c.Data + " --role admin NAME"
	if out.Key != "" {
		key = out.Key + "  (shown only now: keep it)"
		console += "  (lets the first person in, once, within an hour)"
	}
	_, err := fmt.Fprintf(a.Out, "Consentline answers at %s\n  documentation  %s/docs\n  admin key      %s\n  console        %s\n", out.Address, out.Address, key, console)
	return err
}

// warnOfNetwork says so where others can listen to what is sent to an address.
func warnOfNetwork(ctx context.Context, s *server.Server, addr net.Addr) {
	if host, _, err := net.SplitHostPort(addr.String()); err == nil && !loopback(host) {
		s.Log.WarnContext(ctx, "others on the network can read what is sent here: put a proxy with TLS before it", "address", addr.String())
	}
}

// firstLinkLasts is for how long the link of the first start signs in.
const firstLinkLasts = time.Hour
