package cli

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far long work has come, how fast it goes and how long it will take; only on a terminal.
type progress struct {
	bar   *progressbar.ProgressBar // nil: nothing is drawn
	app   *App
	began time.Time
	what  string
	unit  string
	shown time.Time
}

// newProgress begins to show work of a given total, or of an unknown one if it is negative. Items are counted apart
// from the total where that is in bytes.
func (a *App) newProgress(what string, total int64, unit string) *progress {
	p := &progress{app: a, began: a.Now(), what: what, unit: unit}
	if !a.Terminal {
		return p
	}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(a.Err), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(20),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionShowElapsedTimeOnFinish(),
	)
	return p
}

// at says how far the work is, and how many items that were.
func (p *progress) at(done, items int64) {
	if p.bar == nil {
		return
	}
	now := p.app.Now()
	if now.Sub(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = now
	p.bar.Describe(fmt.Sprintf("%s %s %s, %s/s", p.what, count(items), p.unit, count(perSecond(items, now.Sub(p.began)))))
	_ = p.bar.Set64(done) // what cannot be drawn is not
}

// finish takes the bar away.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish() // as above
	}
}

func perSecond(items int64, in time.Duration) int64 {
	if in <= 0 {
		return 0
	}
	return int64(float64(items) / in.Seconds())
}
