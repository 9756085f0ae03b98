package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/report"
	"github.com/consentline/consentline/internal/transparency"
)

// overviewPage is where everything stands, with the numbers behind the charts.
type overviewPage struct {
	Days       int
	Periods    []int
	Chart      chart
	Rows       []period
	Sources    []rateRow
	Purposes   []rateRow
	Tiles      []tile
	Expiring   []expiringRow
	Answers    []answersRow // of all brands; empty for those who see some brands only
	Answered   int
	Steps      []stepRow // empty for those who see some brands only
	CountedAt  time.Time
	Head, Size uint64
	Root       string
	Fresh      bool // this node answers; else it answers every check stale
	Brands     bool // the visitor sees some brands only
}

// tile is one number with what it counts.
type tile struct {
	Name, Hint, Path string
	N                int
}

// period is a day or a week of acts.
type period struct {
	From                                   time.Time
	Granted, Withdrawn, Refused, Requested int
}

// rateRow is how people answered, by source or purpose.
type rateRow struct {
	Name                            string
	Asked, Yes, No, Withdrawn, Rate int // Rate in per cent of answers
}

// Open reports whether there is no answer to take a share of.
func (r rateRow) Open() bool { return r.Asked == 0 && r.Yes == 0 && r.No == 0 }

// answersRow is how many checks were answered by one verdict for one reason.
type answersRow struct {
	Verdict, Code, Text string
	N, Share            int // Share in per cent of all answers
}

type expiringRow struct {
	Scope consent.Scope
	N     int
}

var overviewPeriods = []int{30, 90, 365}

const weeklyFrom = 60 // days: longer periods are shown by the week

func (s *console) overview(v *visit) error {
	page := overviewPage{Days: 90, Periods: overviewPeriods, Brands: len(v.caller.Brands) > 0}
	for _, d := range overviewPeriods {
		if v.URL.Query().Get("days") == itoa(d) {
			page.Days = d
		}
	}
	if err := s.readActs(v, &page); err != nil {
		return err
	}
	s.readCounts(v, &page)
	if err := s.readAnswers(v, &page); err != nil {
		return err
	}
	if err := s.readSteps(v, &page); err != nil {
		return err
	}
	lease := s.Index.Lease()
	page.Fresh = lease.Fresh(lease.Now())
	var err error
	if page.Head, err = s.Ledger.Head(v.ctx()); err != nil {
		return err
	}
	if c, err := s.checkpoint(v.ctx()); err == nil {
		page.Size, page.Root = uint64(c.Size), c.Root.String()
	} else if !errors.Is(err, transparency.ErrNoResource) {
		return err
	}
	return s.render(v, http.StatusOK, "overview", view{Title: "Overview", Section: "/console/", Page: page})
}

// readActs counts the acts of the period, by time, source and purpose.
func (s *console) readActs(v *visit, page *overviewPage) error {
	step := 24 * time.Hour
	if page.Days >= weeklyFrom {
		step *= 7
	}
	today := s.Now().UTC().Truncate(24 * time.Hour)
	from := today.AddDate(0, 0, 1).Add(-time.Duration(page.Days) * 24 * time.Hour)
	for at := from; !at.After(today); at = at.Add(step) {
		page.Rows = append(page.Rows, period{From: at})
	}
	sources, purposes := map[string]*rateRow{}, map[string]*rateRow{}
	err := s.Reports.Since(v.ctx(), from, func(a report.Acts) {
		if !sees(v.caller, a.Brand) {
			return
		}
		if i := int(a.Day.Sub(from) / step); i >= 0 && i < len(page.Rows) {
			page.Rows[i].add(a)
		}
		rateOf(sources, sourceName(a.Source)).add(a)
		if a.Purpose != consent.Any {
			rateOf(purposes, s.purposeName(a.Purpose)).add(a)
		}
	})
	page.Sources, page.Purposes = rates(sources), rates(purposes)
	page.Chart = chartOf(page.Rows)
	return err
}

func (p *period) add(a report.Acts) {
	switch a.Kind {
	case consent.Granted, consent.Renewed:
		p.Granted += a.N
	case consent.Withdrawn, consent.Revoked:
		p.Withdrawn += a.N
	case consent.Refused:
		p.Refused += a.N
	case consent.Requested:
		p.Requested += a.N
	}
}

func rateOf(m map[string]*rateRow, name string) *rateRow {
	if m[name] == nil {
		m[name] = &rateRow{Name: name}
	}
	return m[name]
}

func (r *rateRow) add(a report.Acts) {
	switch a.Kind {
	case consent.Granted:
		r.Yes += a.N
	case consent.Refused:
		r.No += a.N
	case consent.Requested:
		r.Asked += a.N
	case consent.Withdrawn:
		r.Withdrawn += a.N
	}
}

// rates orders rows by how many answers they rest on. Whoever was asked and has not answered counts as no yes.
func rates(m map[string]*rateRow) []rateRow {
	out := make([]rateRow, 0, len(m))
	for _, r := range m {
		if answers := max(r.Yes+r.No, r.Asked); answers > 0 {
			r.Rate = (200*r.Yes + answers) / (2 * answers)
		}
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b rateRow) int {
		return cmp.Or(cmp.Compare(b.Yes+b.No+b.Asked+b.Withdrawn, a.Yes+a.No+a.Asked+a.Withdrawn), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// readAnswers counts what checks answered in the period, which is counted for all brands together.
func (s *console) readAnswers(v *visit, page *overviewPage) error {
	if page.Brands {
		return nil
	}
	counts, err := s.Reports.ChecksSince(v.ctx(), page.Rows[0].From)
	if err != nil {
		return err
	}
	for _, c := range counts {
		page.Answered += c.N
	}
	for _, c := range counts {
		row := answersRow{Verdict: c.Verdict, Code: c.Code, Text: codeTexts[c.Code], N: c.N, Share: (200*c.N + page.Answered) / (2 * page.Answered)}
		page.Answers = append(page.Answers, row)
	}
	return nil
}

// codeTexts say in words what the codes of reasons mean.
var codeTexts = func() map[string]string {
	out := map[string]string{}
	for _, c := range check.Codes() {
		out[c.String()] = c.Text()
	}
	return out
}()

// readCounts adds what stands now, as it was last counted.
func (s *console) readCounts(v *visit, page *overviewPage) {
	c := s.Reports.Counts()
	page.CountedAt = c.At
	var granted, pending, expiring, restricted, expired int
	for _, st := range c.Standing {
		if !sees(v.caller, st.Scope.Brand) {
			continue
		}
		switch {
		case st.Status == consent.StatusGranted:
			granted += st.N
		case st.Status == consent.Pending:
			pending += st.N
		case st.Status == consent.StatusExpired:
			expired += st.N
		case st.Status.Restricted():
			restricted += st.N
		}
		if expiring += st.Expiring; st.Expiring > 0 {
			page.Expiring = append(page.Expiring, expiringRow{st.Scope, st.Expiring})
		}
	}
	slices.SortFunc(page.Expiring, func(a, b expiringRow) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Scope.String(), b.Scope.String()))
	})
	page.Expiring = page.Expiring[:min(len(page.Expiring), 10)]
	requestsPath := ""
	if v.caller.Can(access.ReadHistory) {
		requestsPath = "/console/requests#optins"
	}
	page.Tiles = []tile{
		{Name: "Consents standing", Hint: "records at granted", N: granted},
		{Name: "Waiting for an answer", Hint: "double opt-ins not confirmed yet", N: pending, Path: requestsPath},
		{Name: "Ending within 30 days", Hint: "granted, with an end", N: expiring},
		{Name: "Said no", Hint: "refused, withdrawn or revoked", N: restricted},
		{Name: "Run out", Hint: "expired and not renewed", N: expired},
	}
}
