package transfer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Mapper turns the records of one file into rows. It is not safe for concurrent use.
type Mapper struct {
	dialect  *Dialect
	settings Settings
	plans    []plan
	evidence map[int]*orderEvidence
	dates    map[int]*dates
}

// plan is one statement of a dialect, bound to the columns of a header.
type plan struct {
	*statement
	columns map[Field]column
	only    column
	filters bool
}

var dateFields = []Field{FieldEffectiveAt, FieldGrantedAt, FieldWithdrawnAt, FieldConfirmed, FieldValidUntil, FieldReviewAt}

// NewMapper binds a dialect to a file's header. It fails with ErrHeaderIsData, with *UnknownHeaderError when no
// statement of the dialect has its columns, or when a column that is needed stands twice or was named and is missing.
func NewMapper(dialect *Dialect, header []string, settings Settings) (*Mapper, error) {
	if slices.ContainsFunc(header, looksLikeNumber) {
		return nil, ErrHeaderIsData
	}
	if settings.Zone == nil {
		settings.Zone = time.UTC
	}
	if settings.Source == consent.NoSource {
		settings.Source = consent.Import
	}
	m := &Mapper{dialect: dialect, settings: settings, evidence: map[int]*orderEvidence{}, dates: map[int]*dates{}}
	for i := range dialect.statements {
		if err := m.bind(&dialect.statements[i], header); err != nil {
			return nil, fmt.Errorf("read header: %w", err)
		}
	}
	if len(m.plans) == 0 {
		return nil, &UnknownHeaderError{NoConsent: dialect.Name}
	}
	return m, nil
}

func (m *Mapper) bind(st *statement, header []string) error {
	columns, err := st.bind(header)
	if m.dialect.Name == "generic" {
		// The caller named each of these: to go on without one would be to guess.
		for field, names := range st.columns {
			if _, found := columns[field]; !found && (err == nil || errors.Is(err, errNotBound)) {
				if _, missing := find(foldAll(header), names); missing != nil {
					return fmt.Errorf("field %s: column %q: %w", field, names[0], missing)
				}
			}
		}
	}
	if errors.Is(err, errNotBound) {
		return nil
	}
	if err != nil {
		return err
	}
	p := plan{statement: st, columns: columns}
	if st.only != nil {
		p.only, err = find(foldAll(header), st.only.columns)
		p.filters = err == nil
	}
	m.plans = append(m.plans, p)
	for _, f := range dateFields {
		if c, ok := columns[f]; ok {
			m.evidence[c.index] = &orderEvidence{}
			m.dates[c.index] = &dates{order: m.settings.DateOrder, zone: m.settings.Zone, unix: m.settings.UnixTime}
		}
	}
	return nil
}

// Dialect returns the dialect in use.
func (m *Mapper) Dialect() *Dialect { return m.dialect }

// Observe learns from a record whether the file's dates put the day or the month first. To be of use, a first pass
// must show it every record before Map is called: what only half a file shows, the other half may contradict.
func (m *Mapper) Observe(rec *Record) {
	for _, p := range m.plans {
		for _, f := range dateFields {
			if c, ok := p.columns[f]; ok {
				m.evidence[c.index].see(cell(rec, c))
			}
		}
	}
	if m.settings.DateOrder != UnknownOrder {
		return
	}
	// A column that shows nothing itself goes by what the file's others agree on: one system wrote them all.
	var file orderEvidence
	for _, e := range m.evidence {
		file.dayFirst = file.dayFirst || e.dayFirst
		file.monthFirst = file.monthFirst || e.monthFirst
	}
	for i, e := range m.evidence {
		m.dates[i].order = e.order()
		if !e.dayFirst && !e.monthFirst {
			m.dates[i].order = file.order()
		}
	}
}

// Map says what a record states. It never fails as a whole: what cannot be taken is among the errors.
func (m *Mapper) Map(rec *Record) Mapped {
	var out Mapped
	if e := rec.Flaws.Err(rec.Row); e != nil {
		out.Errors = append(out.Errors, e)
		return out
	}
	for i := range m.plans {
		s := statementOf{Mapper: m, plan: &m.plans[i], rec: rec}
		if m.dialect.guarded {
			s.guarded = hasTelPrefix(cell(rec, s.columns[FieldNumber]))
		}
		rows, skip := s.rows()
		switch {
		case len(s.errs) > 0:
			out.Errors = append(out.Errors, s.errs...)
		case skip != nil:
			out.Skips = append(out.Skips, *skip)
		default:
			out.Rows = append(out.Rows, rows...)
		}
	}
	out.settle(rec.Row)
	return out
}

// settle drops a grant that the same record ends: of two statements in one row, the restriction holds unless the grant
// is shown to be the later one.
func (o *Mapped) settle(row int64) {
	kept := make([]Row, 0, len(o.Rows))
	for _, r := range o.Rows {
		ended := !r.Act.Restricts() && slices.ContainsFunc(o.Rows, func(w Row) bool {
			return w.Act.Restricts() && w.Scope().Covers(r.Scope()) &&
				(w.EffectiveAt.IsZero() || !r.EffectiveAt.After(w.EffectiveEnd))
		})
		if ended {
			o.Skips = append(o.Skips, Skip{Row: row, Code: SkipOverruled, Reason: "the same row also ends this consent, no earlier than it was given"})
			continue
		}
		kept = append(kept, r)
	}
	o.Rows = kept
}
