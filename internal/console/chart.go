package console

import "time"

// chart is a bar chart of yes and no over time, drawn on the server: sizes in the units of its view box.
type chart struct {
	Width, Height int
	Base          int // where the bars stand
	Bars          []bar
	Lines         []line
	Labels        []label
	Empty         bool
}

type bar struct {
	X, Y, Width, Height int
	Kind                string // yes or no
	Title               string
}

type line struct {
	Y, N int
}

type label struct {
	X    int
	Text string
}

const (
	chartWidth  = 720
	chartHeight = 240
	chartLeft   = 44
	chartTop    = 12
	chartBase   = 208
)

// chartOf draws consents and withdrawals side by side, on one scale from zero.
func chartOf(rows []period) chart {
	c := chart{Width: chartWidth, Height: chartHeight, Base: chartBase}
	most := 0
	for _, r := range rows {
		most = max(most, r.Granted, r.Withdrawn)
	}
	c.Empty = most == 0
	step := niceStep(most)
	top := max(step, (most+step-1)/step*step)
	y := func(n int) int { return chartBase - n*(chartBase-chartTop)/top }
	for n := 0; n <= top; n += step {
		c.Lines = append(c.Lines, line{y(n), n})
	}
	slot := float64(chartWidth-chartLeft) / float64(max(1, len(rows)))
	width := max(1, int(slot*0.4))
	every := (len(rows) + 7) / 8
	for i, r := range rows {
		x := chartLeft + int(float64(i)*slot+slot*0.08)
		day := r.From.Format("2 Jan 2006")
		c.Bars = append(c.Bars,
			bar{x, y(r.Granted), width, chartBase - y(r.Granted), "yes", day + ": " + grouped(r.Granted) + " consents"},
			bar{x + width, y(r.Withdrawn), width, chartBase - y(r.Withdrawn), "no", day + ": " + grouped(r.Withdrawn) + " withdrawals"})
		if i%every == 0 {
			c.Labels = append(c.Labels, label{x, dayLabel(r.From)})
		}
	}
	return c
}

func dayLabel(t time.Time) string { return t.Format("2 Jan") }

// niceStep is 1, 2 or 5 times a power of ten, for about four lines up to most.
func niceStep(most int) int {
	step := 1
	for {
		for _, f := range []int{1, 2, 5} {
			if most <= 4*step*f {
				return step * f
			}
		}
		step *= 10
	}
}
