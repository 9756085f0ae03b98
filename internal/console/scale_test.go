package console_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/demo"
)

var benchRecords = flag.Int("records", 20_000, "how many records the benchmark's ledger holds besides the sample's")

// crowd records one act each of many numbers; a tenth of them withdraw, and one in a thousand waits for review.
func (f *fixture) crowd(count int) {
	f.t.Helper()
	now := f.now()
	const batch = 20_000
	reports := make([]act.Report, 0, batch+batch/10)
	for i := range count {
		r := act.Report{
			Number: fmt.Sprintf("+1202%07d", 5550100+i%4_000_000), Brand: "harbour-coffee", Purpose: "marketing", Channel: consent.SMS,
			Act: consent.Granted, Source: consent.WebForm, Disclosure: "harbour-en@3", EffectiveAt: now.Add(-time.Duration(i%(360*24)+72) * time.Hour),
		}
		if i%50 == 0 {
			r.ValidUntil = now.AddDate(0, 0, 10)
		}
		reports = append(reports, r)
		if i%10 == 0 {
			r.Act, r.Source, r.Disclosure, r.ValidUntil, r.EffectiveAt = consent.Withdrawn, consent.SMSReply, "", time.Time{}, r.EffectiveAt.Add(time.Hour)
			reports = append(reports, r)
		}
		if i%1000 == 0 {
			r.Act, r.Source, r.Via, r.EffectiveAt = consent.Granted, consent.Import, consent.ViaImport, r.EffectiveAt.Add(time.Hour)
			reports = append(reports, r)
		}
		if len(reports) >= batch || i == count-1 {
			results, err := f.Recorder.Record(f.t.Context(), access.Local, reports)
			f.must(err)
			for _, one := range results {
				f.must(one.Err)
			}
			reports = reports[:0]
		}
	}
}

// BenchmarkPages renders each page over a large ledger and fails if one takes more than 50 ms:
// go test -run '^$' -bench Pages -records 1000000 ./internal/console
func BenchmarkPages(b *testing.B) {
	f := start(b)
	if _, err := demo.Load(b.Context(), f.Server, demo.Options{}); err != nil {
		b.Fatal(err)
	}
	f.crowd(*benchRecords)
	f.count()
	browser := f.as(access.Admin)
	person, _ := browser.person("+12025550100")
	all := append(slices.Clone(pages), person, person+"/record?act=granted&brand=harbour-coffee&purpose=marketing&channel=sms")
	for i, path := range all {
		b.Run(fmt.Sprintf("%02d", i), func(b *testing.B) {
			var took []time.Duration
			size := 0
			for b.Loop() {
				began := time.Now()
				a := browser.Get(path).Status(200)
				took, size = append(took, time.Since(began)), len(a.Text)
			}
			slices.Sort(took)
			median := took[len(took)/2]
			b.ReportMetric(float64(median.Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(size)/1000, "kB")
			b.Logf("%s", path)
			if limit := 50 * time.Millisecond * slower; median > limit {
				b.Errorf("%s took %s, want at most %s", path, median, limit)
			}
		})
	}
}
