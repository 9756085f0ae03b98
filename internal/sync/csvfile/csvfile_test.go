package csvfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

func inFolder(t *testing.T, at time.Time, settings map[string]string) (string, sync.Connector) {
	t.Helper()
	exports := t.TempDir()
	settings["folder"] = "crm"
	c, err := Kind.New(sync.Config{
		Destination: sync.Destination{ID: "dest", Settings: settings, Numbers: true}, Now: func() time.Time { return at }, Clients: sync.Clients{Exports: exports},
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(exports, "crm"), c
}

var changes = []sync.Change{synctest.Change(1, synctest.Texts, consent.Granted), synctest.Change(2, synctest.Texts, consent.Withdrawn)}

func TestAFileIsThereWithItsManifest(t *testing.T) {
	path, f := inFolder(t, synctest.At, map[string]string{})
	for range 2 { // as after a crash
		synctest.Expect(t, f.Deliver(t.Context(), changes), "taken", "taken")
	}
	files, err := os.ReadDir(path)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	raw, err := os.ReadFile(filepath.Join(path, files[1].Name()))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		File, SHA256 string
		Rows         int
		LastSeq      uint64 `json:"last_seq"`
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.File != files[0].Name() || m.Rows != 2 || m.LastSeq != 3 {
		t.Errorf("the manifest: %+v, %v", m, err)
	}
	table, err := os.ReadFile(filepath.Join(path, files[0].Name()))
	if sum := sha256.Sum256(table); err != nil || hex.EncodeToString(sum[:]) != m.SHA256 {
		t.Errorf("the manifest's hash is another's: %v", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][3] != "tel:"+synctest.Number(1) || rows[1][8] != "true" || rows[2][8] != "false" {
		t.Errorf("%d rows: %v", len(rows), err)
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	_, f := inFolder(t, synctest.At, map[string]string{})
	change := synctest.Change(1, consent.Scope{Brand: "=cmd|'/c calc'!A1", Purpose: "@sum", Channel: consent.SMS}, consent.Withdrawn)
	table, err := f.(*connector).table([]sync.Change{change}) //nolint:forcetypeassert // it is one
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, cell := range rows[1] {
		if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
			t.Errorf("cell %q is a formula", cell)
		}
	}
}

func TestFilesKeepToTheirSchedule(t *testing.T) {
	for late, want := range map[time.Duration]string{30 * time.Second: "taken", 5 * time.Minute: "down"} {
		_, f := inFolder(t, synctest.At.Add(late), map[string]string{"every": "1h"})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		synctest.Expect(t, f.Deliver(ctx, changes[:1]), want)
		cancel()
	}
}

// The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "PUT Object".
func TestTheSignatureIsThatOfAWSsExample(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://examplebucket.s3.amazonaws.com/test$file.text", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Date", "Fri, 24 May 2013 00:00:00 GMT")
	req.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	keys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"}.sign(req, []byte("Welcome to Amazon S3."), time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	const want = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
	if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+want) {
		t.Errorf("got %s", got)
	}
}

func TestABucketHoldsTheFileThenItsManifest(t *testing.T) {
	var held []string
	status := 0
	server := synctest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sum := sha256.Sum256(body)
		if err != nil || r.Method != http.MethodPut || r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) ||
			!strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=id/20260301/eu-west-1/s3/aws4_request,") {
			t.Errorf("%s is not as documented: %v", r.Method, err)
		}
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		held = append(held, r.URL.Path)
	}))
	f := synctest.Open(t, Kind, server.Client(), sync.Destination{
		Settings: map[string]string{"bucket_url": server.URL + "/bucket/in", "region": "eu-west-1", "access_key_id": "id"}, Secrets: map[string]string{"secret_access_key": "key"},
	})
	synctest.Expect(t, f.Deliver(t.Context(), changes), "taken", "taken")
	if len(held) != 2 || !strings.HasPrefix(held[0], "/bucket/in/consent-") || !strings.HasSuffix(held[0], ".csv") || !strings.HasSuffix(held[1], ".manifest.json") {
		t.Errorf("it holds %v", held)
	}
	for _, status = range []int{403, 404, 429, 503} {
		synctest.Expect(t, f.Deliver(t.Context(), changes), "down", "down")
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for field, settings := range map[string]map[string]string{
		"folder": {"folder": "../etc"}, "every": {"folder": "a", "every": "1s"}, "bucket_url": {"bucket_url": "s3://bucket"}, "access_key_id": {"bucket_url": "https://example.com/b"},
	} {
		synctest.Invalid(t, Kind, field, sync.Destination{Settings: settings})
	}
	synctest.Invalid(t, Kind, "folder", sync.Destination{Settings: map[string]string{}})
	synctest.Invalid(t, Kind, "folder", sync.Destination{Settings: map[string]string{"folder": "a"}}) // no folder of the server's
}
