package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/server"
)

// target says where the ledger is.
type target struct {
	Data    string `default:"./consentline-data" env:"CONSENTLINE_DATA" placeholder:"DIR" help:"The data directory, where no --server is given."`
	Rules   string `env:"CONSENTLINE_RULES" placeholder:"PACKS" help:"The rules that checks apply, as for serve, where the data directory is opened by this command."`
	Server  string `env:"CONSENTLINE_SERVER" placeholder:"URL" help:"The address of a server, such as https://consent.example."`
	APIKey  string `name:"key" env:"CONSENTLINE_KEY" placeholder:"KEY" help:"The API key for --server. Other users of the machine can read it in the list of processes: prefer the variable or --key-file."`
	KeyFile string `env:"CONSENTLINE_KEY_FILE" placeholder:"FILE" help:"A file that holds the API key."`
}

// jsonFlag chooses output for programs.
type jsonFlag struct {
	JSON bool `name:"json" help:"Write JSON, for programs."`
}

// connection is a way to the REST interface.
type connection struct {
	*client
	server *server.Server // set when the directory was opened in this process
	close  func() error
}

// opening says whether a verb may make a data directory that is not there.
type opening bool

const (
	mustExist opening = false
	mayCreate opening = true
)

// connect finds the ledger: at the URL, else behind the directory's socket, else in the directory itself.
func (t *target) connect(ctx context.Context, a *App, o opening) (*connection, error) {
	if t.Server != "" {
		return t.remote(a)
	}
	if t.APIKey != "" || t.KeyFile != "" {
		// A key narrows what the local caller may do, which the socket understands as well.
		return nil, usage("a key is for a server: give its address with --server, or leave the key out for the data directory %s", t.Data)
	}
	if o == mustExist {
		if _, err := os.Stat(filepath.Join(t.Data, "consentline.db")); errors.Is(err, fs.ErrNotExist) {
			if c, ok := t.throughSocket(ctx); ok { // of a node whose database is elsewhere
				return c, nil
			}
			return nil, fmt.Errorf("%w in %s: name its directory with --data, or its server with --server, or make one with: consentline serve --data %s", errNoLedger, t.Data, t.Data)
		}
	}
	return t.local(ctx, a)
}

func (t *target) remote(a *App) (*connection, error) {
	base, err := url.Parse(t.Server)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, usage("--server %q is no address: want one such as https://consent.example", t.Server)
	}
	key, err := t.secret()
	if err != nil {
		return nil, err
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		_, _ = fmt.Fprintf(a.Err, "consentline: warning: %s is not encrypted: numbers and the key can be read on the way; use https\n", base.Host)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 0 // an import's answer may begin late; ctx ends what the user ends
	c := &client{http: &http.Client{Transport: transport}, base: strings.TrimRight(t.Server, "/"), key: key, where: base.Host}
	return &connection{client: c, close: func() error { transport.CloseIdleConnections(); return nil }}, nil
}

func (t *target) secret() (string, error) {
	if t.KeyFile == "" {
		return t.APIKey, nil
	}
	text, err := os.ReadFile(t.KeyFile)
	if err != nil {
		return "", fmt.Errorf("read the key: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ownerWait is how long a directory may be in use by somebody who does not answer: by a command that will soon be done,
// or by a server that starts.
const ownerWait = 10 * time.Second

// local goes through the server that owns the directory, or becomes its owner.
func (t *target) local(ctx context.Context, a *App) (*connection, error) {
	wait, cancel := context.WithTimeout(ctx, ownerWait)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if c, ok := t.throughSocket(ctx); ok {
			return c, nil
		}
		c, err := t.open(ctx, a)
		if !errors.Is(err, server.ErrInUse) {
			return c, err
		}
		select {
		case <-again.C:
		case <-wait.Done():
			return nil, fmt.Errorf("%w: it does not answer on its socket", describeOwner(t.Data, err))
		}
	}
}

func (t *target) throughSocket(ctx context.Context) (*connection, bool) {
	probe, err := server.DialSocket(ctx, t.Data)
	if err != nil {
		return nil, false
	}
	_ = probe.Close() // it has shown that somebody listens
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return server.DialSocket(ctx, t.Data)
	}, MaxIdleConnsPerHost: 4}
	c := &client{http: &http.Client{Transport: transport}, base: "http://localhost", where: t.directory()}
	return &connection{client: c, close: func() error { transport.CloseIdleConnections(); return nil }}, true
}

// directory names the data directory in the same way wherever the command is called.
func (t *target) directory() string {
	if path, err := filepath.Abs(t.Data); err == nil {
		return path
	}
	return t.Data
}

func (t *target) open(ctx context.Context, a *App) (*connection, error) {
	_, err := os.Stat(filepath.Join(t.Data, "consentline.db"))
	created := errors.Is(err, fs.ErrNotExist)
	s, err := server.Open(ctx, server.Config{DataDir: t.Data, Rules: rulesOf(t.Rules), Now: a.Now})
	if err != nil {
		return nil, err
	}
	if created {
		_, _ = fmt.Fprintf(a.Err, "consentline: made a new ledger in %s\n", t.Data)
	}
	api := s.API(buildVersion().Version)
	c := &client{http: &http.Client{Transport: inProcess{api.LocalHandler()}}, base: "http://localhost", where: t.directory()}
	leave, err := own(t.Data, a.Now(), "")
	return &connection{client: c, server: s, close: func() error { return errors.Join(leave(), s.Close()) }}, err
}

// errNoLedger says that a data directory holds none.
var errNoLedger = errors.New("there is no ledger")

// builtIn is what --rules calls the packs that come with the program, which are also what holds where nothing is said.
const builtIn = "builtin"

// rulesOf returns the rules that a data directory is opened with: the packs built in and, over them, those of a folder
// that is named or that lies in the data directory. Whoever wants consent alone to decide says none.
func rulesOf(flag string) string {
	if flag == builtIn {
		return ""
	}
	return flag
}
