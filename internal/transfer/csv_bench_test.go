package transfer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"testing"
)

const benchRow = "+12025550123,acme,marketing,sms,granted,express_written,2025-03-14T09:26:53Z\n"

const benchHeader = "number,brand,purpose,channel,act,level,effective_at\n"

func BenchmarkReader(b *testing.B) {
	for _, c := range []struct {
		name string
		row  string
	}{
		{"plain", benchRow},
		{"one quoted field", "+12025550123,\"Acme, Inc.\",marketing,sms,granted,express_written,2025-03-14T09:26:53Z\n"},
		{"not ASCII", "+12025550123,Café,marketing,sms,granted,express_written,2025-03-14T09:26:53Z\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			const rows = 100_000
			file := bytes.Repeat([]byte(c.row), rows)
			b.ReportAllocs()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				r := NewReader(bytes.NewReader(file), Options{})
				n := 0
				for {
					rec, err := r.Read()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil || len(rec.Fields) != 7 {
						b.Fatalf("row %d: %d fields, %v", rec.Row, len(rec.Fields), err)
					}
					n++
				}
				if n != rows {
					b.Fatalf("read %d rows, want %d", n, rows)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

func BenchmarkEncodingCSV(b *testing.B) {
	const rows = 100_000
	file := bytes.Repeat([]byte(benchRow), rows)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(file))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

func TestReadingARowAllocatesNothing(t *testing.T) {
	row := []byte("+12025550123,\"Acme \"\"A\"\", Inc.\",marketing,sms,granted,express_written,2025-03-14T09:26:53Z\r\n" + benchRow)
	r := NewReader(bytes.NewReader(bytes.Repeat(row, 5000)), Options{})
	for range 2000 { // the buffers find their size
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(1000, func() {
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("allocations per row: got %v, want 0", got)
	}
}
