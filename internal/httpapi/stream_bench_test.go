package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// BenchmarkRecordStream sends acts about new numbers as one stream; the figure is per act, answered.
func BenchmarkRecordStream(b *testing.B) {
	f := start(b)
	in, out := io.Pipe()
	go func() {
		w := bufio.NewWriterSize(out, 64<<10)
		for i := range b.N {
			fmt.Fprintf(w, `{"number":"+1%03d555%04d","purpose":"marketing","channel":"sms","act":"granted","source":"web_form","method":"checkbox","effective_at":"2026-01-02T03:04:05Z","event_id":"e%d"}`+"\n", areaCodes[i/100%len(areaCodes)], 100+i%100, i)
		}
		_ = w.Flush()
		_ = out.Close()
	}()
	b.ResetTimer()
	res, err := http.DefaultClient.Do(f.build(request{method: "POST", path: "/v1/consents/batch", media: "application/x-ndjson", body: io.Reader(in)}))
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	n := 0
	for lines.Scan() {
		n++
	}
	if n != b.N {
		b.Fatalf("got %d answers, want %d: %v", n, b.N, lines.Err())
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acts/s")
}

// areaCodes are some of the North American codes in which 555-0100 to 555-0199 reach nobody.
var areaCodes = []int{
	202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254,
	256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325,
}
