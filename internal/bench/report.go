package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Markdown returns the report as a page for people.
func (r Report) Markdown() string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n")
	fmt.Fprintf(&b, "Measured on %s with %s, %s, %d processors, an index of %s records. Made by `make bench`.\n\n",
		r.At.Format(time.DateOnly), r.Go, r.Machine, r.Processors, grouped(float64(r.Records)))
	b.WriteString("Each figure is the median of its rounds, with the lowest and the highest. Product and reference take turns in the same run, on the same machine as the load.\n\n")
	b.WriteString("| figure | median | lowest to highest | reference | reference's median | share |\n|---|---:|---:|---|---:|---:|\n")
	for _, f := range r.Figures {
		low, high := f.Spread()
		fmt.Fprintf(&b, "| %s | %s %s | %s to %s | %s | %s | %s |\n", f.Name, grouped(f.Median()), f.Unit, grouped(low), grouped(high), dash(f.Reference), beside(f), share(f))
	}
	b.WriteString("\n")
	for _, f := range r.Figures {
		if f.Note != "" {
			fmt.Fprintf(&b, "- %s: %s.\n", f.Name, f.Note)
		}
	}
	return b.String()
}

func dash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func beside(f Figure) string {
	if len(f.Beside) == 0 {
		return "–"
	}
	return grouped(median(f.Beside)) + " " + f.Unit
}

func share(f Figure) string {
	if len(f.Beside) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*f.Share())
}

// grouped writes a value with as many digits as mean something, thousands apart.
func grouped(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
