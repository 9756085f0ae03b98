package scrub_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/scrub"
	"github.com/consentline/consentline/internal/transfer"
)

var benchRecords = flag.Int("records", 1_000_000, "how many records the benchmarks of the scrub hold")

const benchRows = 1_000_000

// benchNumber is the i-th of many numbers that are valid, so that they are parsed as real ones are. There are too few
// numbers reserved for fiction to fill an index; these are drawn, asked about in memory, and shown to nobody.
func benchNumber(i int) phone.Number {
	const perArea = 7_000_000
	return phone.Number(1_201_200_0000 + uint64(i/perArea)*10_000_000 + uint64(i%perArea))
}

var benchIndex = sync.OnceValue(func() *check.Index {
	x := check.New(check.Config{Seed: 42, Records: *benchRecords})
	b := check.Batch{
		Seq: 1, Brands: []check.BrandChange{{Brand: "default"}},
		Purposes: []check.PurposeChange{{Purpose: "marketing", Class: consent.Marketing}},
	}
	granted := check.State{Status: consent.StatusGranted, Level: consent.Express, GrantedAt: 1_700_000_000, Seq: 1}
	scope := consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}
	for i := range *benchRecords {
		b.Records = append(b.Records, check.RecordChange{Number: benchNumber(2 * i), Scope: scope, State: granted})
		if len(b.Records) == 8192 || i == *benchRecords-1 {
			if err := x.Apply(b); err != nil {
				panic(err)
			}
			b.Records = b.Records[:0]
		}
	}
	return x
})

// benchFile is what a customer system exports: an id, a number, a name and a city.
var benchFile = sync.OnceValue(func() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	out := []byte("customer_id,phone,first_name,city\n")
	for i := range benchRows {
		out = strconv.AppendInt(out, int64(i), 10)
		out = append(out, ',')
		out = benchNumber(random.IntN(2 * *benchRecords)).AppendE164(out) // every second one is a record's
		out = append(out, ",Example,Springfield\n"...)
	}
	return out
})

func rate(b *testing.B) {
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkScrub(b *testing.B) {
	x, file := benchIndex(), benchFile()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		counts, err := scrub.CSV(context.Background(), x, bytes.NewReader(file), io.Discard, asked)
		if err != nil || counts.Rows != benchRows {
			b.Fatal(counts, err)
		}
	}
	rate(b)
}

// BenchmarkBareCSV splits the same file into fields and does nothing with them.
func BenchmarkBareCSV(b *testing.B) {
	file := benchFile()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		r := transfer.NewReader(bytes.NewReader(file), transfer.Options{})
		rows := 0
		for {
			_, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			rows++
		}
		if rows != benchRows+1 {
			b.Fatal(rows)
		}
	}
	rate(b)
}

// BenchmarkCountLines does what wc -l does.
func BenchmarkCountLines(b *testing.B) {
	file := benchFile()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if bytes.Count(file, []byte{'\n'}) != benchRows+1 {
			b.Fatal("lines are missing")
		}
	}
	rate(b)
}
