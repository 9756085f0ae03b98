package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/cli"
)

// BenchmarkImport imports a file whose numbers are new to the ledger, in process: reading, mapping, sealing, Merkle
// leaves and fsync all in.
func BenchmarkImport(b *testing.B) {
	const rows = 100_000
	var file bytes.Buffer
	file.WriteString("number,status,date\n")
	for n := range rows {
		fmt.Fprintf(&file, "+3532091%05d,subscribed,2025-06-01T10:00:00Z\n", n)
	}
	dir := b.TempDir()
	path := filepath.Join(dir, "customers.csv")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var out, errs bytes.Buffer
		a := &cli.App{In: &bytes.Buffer{}, Out: &out, Err: &errs, Now: time.Now}
		code := a.Run(b.Context(), []string{
			"import", "--data", filepath.Join(dir, fmt.Sprint(b.N, time.Now().UnixNano())), path, "--map", "number=number,status=status,effective_at=date",
			"--channel", "sms", "--brand", "default", "--purpose", "marketing", "--level", "express",
		})
		if code != 0 {
			b.Fatal(code, out.String(), errs.String())
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "acts/s")
}
