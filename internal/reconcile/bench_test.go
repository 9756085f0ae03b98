package reconcile_test

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reconcile"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/transfer"
)

// BenchmarkReconcile compares a file with as many records: a tenth of its rows differ. RECORDS sets how many; the
// memory that is reported is all that the process takes, index and generator included.
func BenchmarkReconcile(b *testing.B) {
	records, err := strconv.Atoi(os.Getenv("RECORDS"))
	if err != nil {
		records = 100_000
	}
	x := filled(b, records)
	for b.Loop() {
		began := time.Now()
		o := reconcile.Options{Destination: sync.Destination{ID: "crm"}, Scopes: []consent.Scope{texts}, Told: 2, AsOf: time.Now()}
		report, err := reconcile.Run(context.Background(), x, file().Read(&export{rows: records}), o)
		if err != nil || report.Rows != int64(records) || report.Counts[reconcile.YesThere] == 0 || report.Counts[reconcile.MissingYes] == 0 {
			b.Fatalf("%+v, %v", report, err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(time.Since(began).Seconds()*1e7/float64(records), "s/10M-rows")
		b.ReportMetric(float64(m.Sys)/(1<<20), "MiB")
	}
}

func file() reconcile.File {
	return reconcile.File{
		Columns:  transfer.ColumnMap{transfer.FieldNumber: "phone", transfer.FieldStatus: "sms_consent"},
		Settings: transfer.Settings{Brand: texts.Brand, Purpose: texts.Purpose, Channel: texts.Channel},
	}
}

// made is the i-th of many valid numbers, which stay in memory.
func made(i int) phone.Number {
	return phone.Number(1_201_200_0000 + uint64(i/7_000_000)*10_000_000 + uint64(i%7_000_000)) //nolint:gosec // positive
}

// filled is an index in which all have said yes but for every twentieth.
func filled(b *testing.B, records int) *check.Index {
	b.Helper()
	x := check.New(check.Config{Seed: 7, Records: records})
	batch := check.Batch{Seq: 2, Brands: []check.BrandChange{{Brand: texts.Brand}}, Purposes: []check.PurposeChange{{Purpose: texts.Purpose, Class: consent.Marketing}}}
	for i := range records {
		s := check.State{Status: consent.StatusGranted, Level: consent.Express, GrantedAt: 1_700_000_000, Seq: 1}
		if i%20 == 0 {
			s = check.State{Status: consent.StatusWithdrawn, RestrictedAt: 1_700_000_000, Seq: 1}
		}
		batch.Records = append(batch.Records, check.RecordChange{Number: made(i), Scope: texts, State: s})
		if len(batch.Records) == 8192 || i == records-1 {
			if err := x.Apply(batch); err != nil {
				b.Fatal(err)
			}
			batch.Records = batch.Records[:0]
		}
	}
	return x
}

// export writes a file while it is read: all say yes, and every twentieth is somebody else's number.
type export struct {
	rows, at int
	buf      bytes.Buffer
}

func (e *export) Read(p []byte) (int, error) {
	if e.at == 0 && e.buf.Len() == 0 {
		e.buf.WriteString("id,phone,sms_consent,city\n")
	}
	for e.buf.Len() < len(p) && e.at < e.rows {
		n := e.at
		if n%20 == 10 {
			n += e.rows
		}
		e.buf.Write(strconv.AppendInt(e.buf.AvailableBuffer(), int64(e.at), 10))
		e.buf.WriteByte(',')
		e.buf.Write(made(n).AppendE164(e.buf.AvailableBuffer()))
		e.buf.WriteString(",subscribed,Springfield\n")
		e.at++
	}
	return e.buf.Read(p)
}
