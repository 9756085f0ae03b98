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
	Node     func() Node    // nil in the only node

	Destinations func() []Destination // nil: none are kept in step
}

// Destination is where an outside system that is kept in step stands.
type Destination struct {
	ID       string
	Lag      uint64 // entries that it has not come to
	Waiting  int64
	Parked   int64
	Failures int     // in a row
	Oldest   float64 // for how many seconds the oldest restriction has waited to be acknowledged, zero if none does
	Overdue  bool
}

// Node is how one node of several follows the ledger.
type Node struct {
	Polls, Failures uint64
	LagSeconds      float64 // since the last poll that was applied was sent
	Closed          bool    // the database's log does not continue the node's
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
	lag        = described("consentline_lag_seconds", "How long ago the last poll was sent whose answer this node has applied.")
	closed     = described("consentline_node_closed", "Whether this node closed itself, since the database's log does not continue its own.")
	polls      = prometheus.NewDesc("consentline_polls_total", "Polls of the ledger, by outcome.", []string{"outcome"}, nil)
)

var (
	destinationLag     = ofDestination("consentline_destination_lag_entries", "Entries that a destination has not come to.")
	destinationWaiting = ofDestination("consentline_destination_waiting", "Changes that a destination did not take and that are tried again.")
	destinationParked  = ofDestination("consentline_destination_parked", "Changes that a destination refused for good.")
	destinationFails   = ofDestination("consentline_destination_failures", "Calls to a destination that failed in a row.")
	destinationOldest  = ofDestination("consentline_destination_oldest_unacknowledged_seconds", "For how long the oldest restriction has waited for a destination to acknowledge it.")
	destinationOverdue = ofDestination("consentline_destination_overdue", "Whether that is longer than the destination may take.")
)

func ofDestination(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"destination"}, nil)
}

// collectDestinations tells of destinations on the node that keeps them in step.
func collectDestinations(ch chan<- prometheus.Metric, w *State) {
	if w.Destinations == nil {
		return
	}
	for _, d := range w.Destinations() {
		for _, one := range []struct {
			desc *prometheus.Desc
			v    float64
		}{
			{destinationLag, float64(d.Lag)}, {destinationWaiting, float64(d.Waiting)}, {destinationParked, float64(d.Parked)},
			{destinationFails, float64(d.Failures)}, {destinationOldest, d.Oldest}, {destinationOverdue, map[bool]float64{true: 1}[d.Overdue]},
		} {
			ch <- prometheus.MustNewConstMetric(one.desc, prometheus.GaugeValue, one.v, d.ID)
		}
	}
}

func described(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// Describe implements prometheus.Collector.
func (*watcher) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{records, members, indexBytes, revision, headSeq, logSize, logLag, fresh, lag, closed, polls,
		destinationLag, destinationWaiting, destinationParked, destinationFails, destinationOldest, destinationOverdue} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (watched *watcher) Collect(ch chan<- prometheus.Metric) {
	w := watched.state.Load()
	if w == nil {
		return
	}
	collectDestinations(ch, w)
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
	if w.Node == nil {
		return
	}
	n := w.Node()
	gauge(lag, n.LagSeconds)
	gauge(closed, map[bool]float64{true: 1}[n.Closed])
	ch <- prometheus.MustNewConstMetric(polls, prometheus.CounterValue, float64(n.Polls), "applied")
	ch <- prometheus.MustNewConstMetric(polls, prometheus.CounterValue, float64(n.Failures), "failed")
}
