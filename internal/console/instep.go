package console

import (
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/sync"
)

// stepRow is how far an outside system is in step with the ledger.
type stepRow struct {
	Name, Kind, ID string
	Paused         bool
	Behind         int // entries that it has not gone through
	Waiting        int // changes that are to be tried again
	Parked         int // changes that it refused for good
	Owed           time.Time
	Overdue        bool // Owed is longer ago than its operator allows
}

// Well reports whether the system knows everything that it is to know.
func (r stepRow) Well() bool {
	return !r.Paused && !r.Overdue && r.Behind == 0 && r.Waiting == 0 && r.Parked == 0
}

// readSteps tells where every destination stands, to those who may see all of them.
func (s *console) readSteps(v *visit, page *overviewPage) error {
	if page.Brands || !v.caller.Can(access.ReadDestinations) {
		return nil
	}
	for _, d := range s.Sync.Destinations.All() {
		if d.Removed {
			continue
		}
		row, err := s.step(v, d)
		if err != nil {
			return err
		}
		page.Steps = append(page.Steps, row)
	}
	return nil
}

func (s *console) step(v *visit, d sync.Destination) (stepRow, error) {
	st, err := s.Sync.Status(v.ctx(), d.ID)
	if err != nil {
		return stepRow{}, err
	}
	return stepRow{
		Name: d.Name, Kind: d.Kind, ID: d.ID, Paused: d.Paused,
		Behind: int(st.Head - min(st.Cursor, st.Head)), Waiting: int(st.Waiting), Parked: int(st.Parked),
		Owed: st.Oldest, Overdue: !st.Oldest.IsZero() && s.Now().Sub(st.Oldest) > d.Overdue(),
	}, nil
}
