package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/demo"
	"github.com/consentline/consentline/internal/server"
)

type benchCmd struct {
	Dir         string        `default:"." type:"existingdir" placeholder:"DIR" help:"Where to make the temporary ledger: on the disk that is to be measured."`
	Time        time.Duration `default:"2s" help:"How long each measurement takes."`
	Connections int           `default:"64" help:"How many callers at once, where there are several."`
	jsonFlag
}

// Help implements kong.HelpProvider.
func (benchCmd) Help() string {
	return `Makes a temporary ledger with the sample, measures, and removes it. Each figure is of this machine as it is now, with the load generator running beside the server; the empty handler is what any HTTP server here could reach.

Example:
  consentline bench --dir /var/lib --time 5s`
}

// figure is one thing measured.
type figure struct {
	Name      string        `json:"name"`
	PerSecond float64       `json:"per_second"`
	Median    time.Duration `json:"median_ns,omitempty"`
	P99       time.Duration `json:"p99_ns,omitempty"`
	Allocs    float64       `json:"allocs_per_op"`
	Note      string        `json:"note,omitempty"`
}

// Run measures.
func (c *benchCmd) Run(ctx context.Context, a *App) (err error) {
	if c.Time <= 0 || c.Connections < 1 {
		return usage("--time and --connections must be positive")
	}
	dir, err := os.MkdirTemp(c.Dir, "consentline-bench-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := server.Open(ctx, server.Config{DataDir: dir, Now: a.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := demo.Load(ctx, s, demo.Options{}); err != nil {
		return err
	}
	figures, err := c.measure(ctx, a, s)
	if err != nil {
		return err
	}
	return c.tell(a, figures)
}

func (c *benchCmd) measure(ctx context.Context, a *App, s *server.Server) ([]figure, error) {
	b := &bench{cmd: c, app: a, server: s}
	_, secret, err := s.Gate.Create(ctx, access.Local, access.Key{Name: "bench", Role: access.Admin})
	if err != nil {
		return nil, err
	}
	b.key = secret
	figures := []figure{b.checks()}
	for _, step := range []func(context.Context) (figure, error){b.appendOne, b.appendMany} {
		f, err := step(ctx)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	overHTTP, err := b.overHTTP(ctx)
	return append(figures, overHTTP...), err
}

func (c *benchCmd) tell(a *App, figures []figure) error {
	if c.JSON {
		return json.NewEncoder(a.Out).Encode(map[string]any{
			"go": runtime.Version(), "cpus": runtime.GOMAXPROCS(0), "seconds_each": c.Time.Seconds(), "figures": figures,
		})
	}
	t := newTable(a.Out)
	t.row("", "PER SECOND", "MEDIAN", "P99", "ALLOCS", "")
	for _, f := range figures {
		median, p99 := "-", "-"
		if f.Median > 0 {
			median, p99 = f.Median.String(), f.P99.String()
		}
		t.row(f.Name, count(int64(f.PerSecond)), median, p99, fmt.Sprintf("%.1f", f.Allocs), f.Note)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.Out, "%s, %d CPUs, %s each\n", runtime.Version(), runtime.GOMAXPROCS(0), c.Time)
	return err
}

// overHTTP serves on a free port and measures through it, beside a handler that does nothing.
func (b *bench) overHTTP(ctx context.Context) (figures []figure, err error) {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- b.server.Serve(serving, server.Listening{
			Addr: "127.0.0.1:0", Version: buildVersion().Version, Ready: func(addr net.Addr) { ready <- addr },
		})
	}()
	select {
	case err := <-ended:
		return nil, err
	case addr := <-ready:
		figures, err = b.requests(ctx, addr.String())
	}
	stop()
	return figures, errors.Join(err, <-ended)
}
