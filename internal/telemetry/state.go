package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/consentline/consentline/internal/check"
)

// State is where the figures that are not counted are read from, at the moment at which somebody asks for them.
type State struct {
	Index    func() check.Stats
	Revision func() uint64  // the last entry that the index has applied
	Head     func() uint64  // the last entry that is known to be committed
	LogSize  func() uint64  // the entries that the newest checkpoint of the log covers
	Fresh    func() float64 // for how many seconds the node may still answer; a very large number if for ever
}

// Watch makes a node's state part of the figures, in the place of whatever state was watched before.
func (m *Metrics) Watch(s State) { m.watcher.state.Store(&s) }

type watcher struct{ state atomic.Pointer[State] }

var (
	records    = described("consentline_index_records", "Records in the index, markers included.")
	members    = described("consentline_index_list_members", "Members of suppression lists in the index.")
	indexBytes = prometheus.NewDesc("consentline_index_bytes", "Memory that the index takes.", []string{"part"}, nil)
	revision   = described("consentline_revision", "The last entry that the index has applied.")
	headSeq    = described("consentline_head", "The last entry that is committed.")
	logSize    = described("consentline_log_size", "Entries that the newest checkpoint of the log covers.")
	logLag     = described("consentline_log_lag_entries", "Entries that no checkpoint covers yet.")
	fresh      = described("consentline_lease_seconds", "For how long this node may answer without hearing from the ledger.")
)

func described(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// Describe implements prometheus.Collector.
func (*watcher) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{records, members, indexBytes, revision, headSeq, logSize, logLag, fresh} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (watched *watcher) Collect(ch chan<- prometheus.Metric) {
	w := watched.state.Load()
	if w == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := w.Index()
	gauge(records, float64(s.Records))
	gauge(members, float64(s.Members))
	gauge(indexBytes, float64(s.TableBytes), "records")
	gauge(indexBytes, float64(s.ListBytes), "lists")
	gauge(revision, float64(w.Revision()))
	size := w.LogSize() // before the head, so that the difference is never negative
	head := w.Head()
	gauge(headSeq, float64(head))
	gauge(logSize, float64(size))
	gauge(logLag, float64(head-min(size, head)))
	gauge(fresh, w.Fresh())
}
