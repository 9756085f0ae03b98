// Package telemetry counts what a node does, for Prometheus: checks by verdict and reason, calls by route and status,
// entries, and the sizes and delays of what follows them.
//
// It stores nothing: counters begin at zero with the process. Others may rely on this: no label and no value tells of a
// person, and counting on the path of a check takes no lock and allocates nothing.
package telemetry

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/consentline/consentline/internal/check"
)

// Metrics are the figures of one node. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	checks       [check.Defer + 1][]prometheus.Counter // by outcome and code, made ahead so that counting finds no name
	checkSeconds prometheus.Histogram

	entries   prometheus.Counter
	groupSize prometheus.Histogram
	rows      *prometheus.CounterVec
	calls     *prometheus.CounterVec

	watcher watcher
}

const checksTotal = "consentline_checks_total"

// New returns figures that all stand at zero.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &m.watcher)
	checks := m.counters(checksTotal, "Questions answered, by verdict and by the code of the reason that decided.", "verdict", "code")
	codes := check.Codes()
	for outcome := range m.checks {
		m.checks[outcome] = make([]prometheus.Counter, codes[len(codes)-1]+1)
		for _, code := range codes {
			m.checks[outcome][code] = checks.WithLabelValues(check.Outcome(outcome).String(), code.String())
		}
	}
	m.checkSeconds = m.histogram("consentline_check_seconds", "Time from a single question's arrival to its answer, network left aside.",
		prometheus.ExponentialBuckets(1e-6, 2, 20))
	m.entries = prometheus.NewCounter(prometheus.CounterOpts{Name: "consentline_entries_total", Help: "Entries that this node has committed."})
	m.registry.MustRegister(m.entries)
	m.groupSize = m.histogram("consentline_commit_entries", "Entries in one commit.", prometheus.ExponentialBuckets(1, 2, 14))
	m.rows = m.counters("consentline_scrubbed_rows_total", "Rows of scrubbed files, by verdict.", "verdict")
	m.calls = m.counters("consentline_http_requests_total", "Calls, by route and status.", "route", "status")
	return m
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

// Checked counts one answered question.
func (m *Metrics) Checked(o check.Outcome, c check.Code) {
	if int(o) < len(m.checks) && int(c) < len(m.checks[o]) && m.checks[o][c] != nil {
		m.checks[o][c].Inc()
	}
}

// Answers is how many questions were answered by one verdict for one reason since the process began.
type Answers struct {
	Verdict, Code string
	N             uint64
}

// Answered returns the counts of all answers that there were, for those who keep them.
func (m *Metrics) Answered() ([]Answers, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather the figures: %w", err)
	}
	var out []Answers
	for _, f := range families {
		if f.GetName() != checksTotal {
			continue
		}
		for _, one := range f.GetMetric() {
			a := Answers{N: uint64(one.GetCounter().GetValue())}
			for _, label := range one.GetLabel() {
				if label.GetName() == "verdict" {
					a.Verdict = label.GetValue()
				} else {
					a.Code = label.GetValue()
				}
			}
			if a.N > 0 {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// CheckTook notes how long a single question took.
func (m *Metrics) CheckTook(d time.Duration) { m.checkSeconds.Observe(d.Seconds()) }

// Committed counts one commit with its entries.
func (m *Metrics) Committed(entries uint64) {
	m.entries.Add(float64(entries))
	m.groupSize.Observe(float64(entries))
}

// Scrubbed counts rows of a file; the verdict is allow, deny, defer or invalid.
func (m *Metrics) Scrubbed(verdict string, rows int) {
	if rows > 0 {
		m.rows.WithLabelValues(verdict).Add(float64(rows))
	}
}

// Route is the counters of one route. The zero value counts nothing.
type Route struct {
	ok    prometheus.Counter
	calls *prometheus.CounterVec
	name  string
}

// Route returns the counters of a route, by its pattern such as "POST /v1/checks"; it must hold nothing of a request.
func (m *Metrics) Route(pattern string) Route {
	return Route{ok: m.calls.WithLabelValues(pattern, "200"), calls: m.calls, name: pattern}
}

// Answered counts one call by its status. The status 200 costs one addition.
func (r Route) Answered(status int) {
	switch {
	case r.calls == nil:
	case status == http.StatusOK:
		r.ok.Inc()
	default:
		r.calls.WithLabelValues(r.name, strconv.Itoa(status)).Inc()
	}
}

// Handler answers with all figures in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
