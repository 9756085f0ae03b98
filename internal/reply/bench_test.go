package reply

import (
	"strings"
	"testing"
)

// BenchmarkClassify reads the whole sample once an iteration, so ns/op divided by its size is the cost of a message; the
// long text is 64 KiB of words that patterns begin with.
func BenchmarkClassify(b *testing.B) {
	sample := readLabelled(b, "sample.tsv")
	Default() // reading the data is no part of a message's cost
	b.Run("sample", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, l := range sample {
				Classify(Input{Text: l.text})
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(sample)), "ns/message")
	})
	long := strings.Repeat("please do not stop texting me about your list ", 64<<10/46)
	b.Run("64KiB", func(b *testing.B) {
		for b.Loop() {
			Classify(Input{Text: long})
		}
	})
}
