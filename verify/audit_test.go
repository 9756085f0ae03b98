package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func auditFiles(t testing.TB, l *testLog, fsys fstest.MapFS) error {
	t.Helper()
	_, err := Audit{Source: Files{fsys}, Policy: l.policy(t)}.Run(t.Context())
	return err
}

func TestWholeLogsOfEverySizeVerify(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 255, 256, 257, 511, 512, 700, 65535, 65536, 65537, 70000} {
		l := newTestLog(t, size)
		var done []int64
		report, err := Audit{
			Source:   Files{l.files(t)},
			Policy:   l.policy(t),
			Progress: func(d, total int64) { done = append(done, d) },
		}.Run(t.Context())
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if report.Entries != int64(size) || report.Checkpoint.Tree() != l.tree(t, size) || report.Warnings != 0 {
			t.Errorf("size %d: report %+v", size, report)
		}
		if size > 0 && (!slices.IsSorted(done) || done[len(done)-1] != int64(size)) {
			t.Errorf("size %d: progress ended at %v", size, done)
		}
	}
}

// What one byte says decides which entry is named, wherever it is.
func TestFirstAlteredEntryIsNamed(t *testing.T) {
	l := newTestLog(t, 66000)
	files := l.files(t)
	for _, seq := range []int{1, 2, 256, 257, 40000, 65536, 65537, 65793, 66000} {
		// A later alteration must not hide the first.
		bad := altered(t, files, "tile/entries/257.p/208", flip(207*52+30))
		n := (seq - 1) / 256
		path := TilePath(tileOf(66000, EntryLevel, int64(n)))
		bad = altered(t, bad, path, flip((seq-1)%256*52+20))
		err := auditFiles(t, l, bad)
		if seq == 66000 { // the same byte range as the later alteration: still that entry
			err = auditFiles(t, l, altered(t, files, path, flip(207*52+30)))
		}
		var f *Fault
		if !errors.As(err, &f) || f.Problem != Altered || f.First != uint64(seq) || f.Last != uint64(seq) || f.Path != path {
			t.Errorf("entry %d altered: got %v", seq, err)
		}
	}
}

func TestFaultsAreTold(t *testing.T) {
	const size = 66000 // 257 full bundles and one of 208
	l := newTestLog(t, size)
	files := l.files(t)
	shift := func(b []byte) []byte { b[0], b[1] = 0, 51; return b }
	short := func(b []byte) []byte { return b[:len(b)-7] }
	long := func(b []byte) []byte { return append(b, 0) }
	both := func(n int) fstest.MapFS { // entry and hash tile altered alike
		entries, tile := TilePath(tileOf(size, EntryLevel, int64(n))), TilePath(tileOf(size, 0, int64(n)))
		out := altered(t, files, entries, flip(5*52+30))
		h := tlog.RecordHash(out[entries].Data[5*52+2 : 6*52])
		return altered(t, out, tile, func(b []byte) []byte { copy(b[5*32:], h[:]); return b })
	}
	tests := []struct {
		name        string
		files       fstest.MapFS
		problem     Problem
		first, last uint64
		path        string
	}{
		{"length prefix", altered(t, files, "tile/entries/003", shift), Altered, 769, 769, "tile/entries/003"},
		{"bundle cut short", altered(t, files, "tile/entries/003", short), Altered, 1024, 1024, "tile/entries/003"},
		{"bytes after the bundle", altered(t, files, "tile/entries/003", long), Altered, 1024, 1024, "tile/entries/003"},
		{"bundle emptied", altered(t, files, "tile/entries/003", func([]byte) []byte { return nil }), Altered, 769, 769, "tile/entries/003"},
		{"last bundle cut short", altered(t, files, "tile/entries/257.p/208", short), Altered, 66000, 66000, "tile/entries/257.p/208"},
		{"hash tile", altered(t, files, "tile/0/003", flip(32*9)), TileAltered, 778, 778, "tile/0/003"},
		{"hash tile of a wrong length", altered(t, files, "tile/0/003", short), TileAltered, 769, 769, "tile/0/003"},
		{"hash tile at the edge", altered(t, files, "tile/0/257.p/208", flip(32*9)), TileAltered, 65802, 66000, "tile/0/257.p/208"},
		{"hash tile at the edge, of a wrong length", altered(t, files, "tile/0/257.p/208", long), TileAltered, 65793, 66000, "tile/0/257.p/208"},
		{"hash tile at the edge, level 1", altered(t, files, "tile/1/001.p/1", flip(3)), TileAltered, 65537, 65792, "tile/1/001.p/1"},
		{"hash tile at the edge, level 2", altered(t, files, "tile/2/000.p/1", flip(3)), TileAltered, 1, 65536, "tile/2/000.p/1"},
		{"edge tile of level 1 of a wrong length", altered(t, files, "tile/1/001.p/1", short), TileAltered, 65537, 65792, "tile/1/001.p/1"},
		{"hash tile of level 1", altered(t, files, "tile/1/000", flip(32*9)), TileAltered, 1, 65536, "tile/1/000"},
		{"hash tile of level 1 of a wrong length", altered(t, files, "tile/1/000", long), TileAltered, 1, 65536, "tile/1/000"},
		{"entry and its hash", both(3), Replaced, 769, 1024, "tile/0/003"},
		{"entry and its hash, last", both(257), Replaced, 1, size, CheckpointPath},
		{"no bundle", without(files, "tile/entries/003"), Missing, 769, 1024, "tile/entries/003"},
		{"no hash tile", without(files, "tile/0/003"), Missing, 769, 1024, "tile/0/003"},
		{"no last bundle", without(files, "tile/entries/257.p/208"), Missing, 65793, 66000, "tile/entries/257.p/208"},
		{"no edge", without(files, "tile/2/000.p/1"), Missing, 1, 65536, "tile/2/000.p/1"},
		{"no tile of level 1", without(files, "tile/1/000"), Missing, 1, 65536, "tile/1/000"},
	}
	for _, tt := range tests {
		err := auditFiles(t, l, tt.files)
		var f *Fault
		if !errors.As(err, &f) || f.Problem != tt.problem || f.First != tt.first || f.Last != tt.last || f.Path != tt.path {
			t.Errorf("%s: got %v, want %q for %d to %d in %s", tt.name, err, tt.problem, tt.first, tt.last, tt.path)
		}
	}
}

func TestFirstDisagreementIsNamedWhereNothingLeadsToTheCheckpoint(t *testing.T) {
	l := newTestLog(t, 66000)
	bad := altered(t, l.files(t), "tile/2/000.p/1", flip(0))
	bad = altered(t, bad, "tile/entries/000", flip(99*52+20))
	bad = altered(t, bad, "tile/entries/019", flip(20))
	err := auditFiles(t, l, bad)
	// The tile that leads nowhere stands over all that follows.
	var f *Fault
	if !errors.As(err, &f) || f.Problem != Disagreeing || f.First != 1 || f.Last != 65536 {
		t.Errorf("level 2 and two entries altered: got %v", err)
	}
	bad["tile/2/000.p/1"] = l.files(t)["tile/2/000.p/1"]
	bad = altered(t, bad, "tile/0/257.p/208", flip(0))
	err = auditFiles(t, l, bad)
	if !errors.As(err, &f) || f.Problem != Disagreeing || f.First != 100 || f.Last != 256 || f.Path != "tile/0/000" {
		t.Errorf("edge and two entries altered: got %v", err)
	}
}

func TestEntriesWhoseWholeBranchWasReplacedAreFound(t *testing.T) {
	l := newTestLog(t, 66000)
	forged := slices.Clone(l.leaves)
	forged[1000].Kind ^= 1
	files := logOf(t, forged).files(t)
	files[CheckpointPath] = l.files(t)[CheckpointPath] // the genuine one
	err := auditFiles(t, l, files)
	var f *Fault
	if !errors.As(err, &f) || f.Problem != Replaced || f.First != 1 || f.Last != 66000 {
		t.Errorf("all replaced: got %v", err)
	}
	// An older trusted tree that fits narrows it down.
	trusted := l.tree(t, 900)
	_, err = Audit{Source: Files{files}, Policy: l.policy(t), Trusted: &trusted}.Run(t.Context())
	if !errors.As(err, &f) || f.Problem != Replaced || f.First != 901 {
		t.Errorf("all replaced, first 900 trusted: got %v", err)
	}
	// Genuine tiles at the edge and above: the branch under tile 1/000 is replaced, with its tile.
	for path, file := range l.files(t) {
		if len(path) > 7 && path[:7] != "tile/0/" && path != "tile/1/000" && path[:8] != "tile/ent" {
			files[path] = file
		}
	}
	files["tile/0/257.p/208"] = l.files(t)["tile/0/257.p/208"]
	err = auditFiles(t, l, files)
	if !errors.As(err, &f) || f.Problem != Replaced || f.First != 1 || f.Last != 65536 || f.Path != "tile/1/000" {
		t.Errorf("branch replaced: got %v", err)
	}
}

func TestSignedLeavesMustBeLeavesOfTheirPlace(t *testing.T) {
	leaves := newTestLog(t, 600).leaves
	leaves[299].Seq = 299
	leaves[400].Seq = 7
	l := logOf(t, leaves)
	err := auditFiles(t, l, l.files(t))
	var f *Fault
	if !errors.As(err, &f) || f.Problem != Misnumbered || f.First != 300 {
		t.Errorf("two leaves misnumbered: got %v", err)
	}
	for seq, want := range map[int]Problem{299: Altered, 300: Altered, 301: Misnumbered} {
		bad := altered(t, l.files(t), "tile/entries/001", flip((seq-257)*52+30))
		if err := auditFiles(t, l, bad); !errors.As(err, &f) || f.Problem != want || f.First != uint64(min(seq, 300)) {
			t.Errorf("entry 300 misnumbered and %d altered: got %v", seq, err)
		}
	}
	leaves[299].Seq = 0
	l = logOf(t, leaves)
	err = auditFiles(t, l, l.files(t))
	if !errors.As(err, &f) || f.Problem != Malformed || f.First != 300 || !errors.Is(err, ErrLeaf) {
		t.Errorf("a signed entry that is no leaf: got %v", err)
	}
}

func TestTimeGoingBackIsAWarning(t *testing.T) {
	leaves := newTestLog(t, 600).leaves
	leaves[256].RecordedAt = leaves[255].RecordedAt - 5 // across bundles
	leaves[300].RecordedAt = leaves[299].RecordedAt - 1
	leaves[512].RecordedAt = leaves[511].RecordedAt // equal is no step back, across bundles
	leaves[301].RecordedAt = leaves[300].RecordedAt // equal is no step back
	l := logOf(t, leaves)
	var got []Warning
	report, err := Audit{Source: Files{l.files(t)}, Policy: l.policy(t), Warn: func(w Warning) { got = append(got, w) }}.Run(t.Context())
	want := []Warning{
		{Seq: 257, RecordedAt: leaves[256].RecordedAt, Previous: leaves[255].RecordedAt},
		{Seq: 301, RecordedAt: leaves[300].RecordedAt, Previous: leaves[299].RecordedAt},
	}
	if err != nil || !slices.Equal(got, want) || report.Warnings != 2 {
		t.Errorf("got %v (%d counted), %v, want %v", got, report.Warnings, err, want)
	}
}

func TestLogMustContinueWhatIsTrusted(t *testing.T) {
	l := newTestLog(t, 700)
	forged := slices.Clone(l.leaves)
	forged[99].Kind ^= 1
	other := logOf(t, forged)
	for _, size := range []int{0, 1, 99, 255, 256, 257, 512, 513, 699, 700} {
		trusted := l.tree(t, size)
		if _, err := (Audit{Source: Files{l.files(t)}, Policy: l.policy(t), Trusted: &trusted}).Run(t.Context()); err != nil {
			t.Errorf("own tree at %d: %v", size, err)
		}
		_, err := Audit{Source: Files{other.files(t)}, Policy: l.policy(t), Trusted: &trusted}.Run(t.Context())
		var inconsistent *InconsistentError
		if got, want := errors.As(err, &inconsistent), size >= 100; got != want {
			t.Errorf("entry 100 rewritten, trusted at %d: got %v", size, err)
		}
	}
	trusted := newTestLog(t, 701).tree(t, 701)
	var inconsistent *InconsistentError
	if _, err := (Audit{Source: Files{l.files(t)}, Policy: l.policy(t), Trusted: &trusted}).Run(t.Context()); !errors.As(err, &inconsistent) {
		t.Errorf("log shrank from 701: got %v", err)
	}
}

func TestOlderCheckpointVerifiesInALogThatGrew(t *testing.T) {
	l := newTestLog(t, 1024) // only full bundles: the partial ones of size 300 are gone
	report, err := Audit{Source: Files{l.files(t)}, Policy: l.policy(t), Checkpoint: l.checkpoint(t, 300)}.Run(t.Context())
	if err == nil || report.Entries != 0 {
		// Level 1 has its partial tile of width 4 only; width 1 is neither there nor full.
		t.Fatalf("got %+v, want the missing tile/1/000.p/1", report)
	}
	var f *Fault
	if !errors.As(err, &f) || f.Problem != Missing || f.Path != "tile/1/000.p/1" {
		t.Fatalf("got %v", err)
	}
	files := l.files(t)
	files["tile/1/000.p/1"] = &fstest.MapFile{Data: files["tile/1/000.p/4"].Data[:32]}
	report, err = Audit{Source: Files{files}, Policy: l.policy(t), Checkpoint: l.checkpoint(t, 300)}.Run(t.Context())
	if err != nil || report.Entries != 300 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestLogVerifiesFromADirectoryAndOverHTTP(t *testing.T) {
	l := newTestLog(t, 600)
	dir := t.TempDir()
	for path, file := range l.files(t) {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, file.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := (Audit{Source: Files{os.DirFS(dir)}, Policy: l.policy(t)}).Run(t.Context()); err != nil {
		t.Errorf("directory: %v", err)
	}
	srv := httptest.NewServer(http.StripPrefix("/log/", http.FileServer(http.Dir(dir))))
	defer srv.Close()
	prefix, err := url.Parse(srv.URL + "/log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Audit{Source: Web{Prefix: prefix, Client: srv.Client()}, Policy: l.policy(t)}).Run(t.Context()); err != nil {
		t.Errorf("HTTP: %v", err)
	}
	var f *Fault
	if err := os.Remove(filepath.Join(dir, "tile", "entries", "001")); err != nil {
		t.Fatal(err)
	}
	if _, err := (Audit{Source: Web{Prefix: prefix, Client: srv.Client()}, Policy: l.policy(t)}).Run(t.Context()); !errors.As(err, &f) || f.Problem != Missing {
		t.Errorf("HTTP, bundle 1 gone: got %v", err)
	}
}

func TestStatusesOtherThan200AreErrors(t *testing.T) {
	status := http.StatusInternalServerError
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer srv.Close()
	prefix, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	for status, gone := range map[int]bool{500: false, 204: false, 404: true, 410: true} {
		setStatus := status
		srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(setStatus) })
		_, err := Web{Prefix: prefix}.Fetch(t.Context(), CheckpointPath)
		if err == nil || errors.Is(err, os.ErrNotExist) != gone {
			t.Errorf("status %d: got %v", status, err)
		}
	}
}

func TestAuditStopsWhenCancelled(t *testing.T) {
	l := newTestLog(t, 70000)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Audit{Source: Files{l.files(t)}, Policy: l.policy(t), Progress: func(int64, int64) { cancel() }}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Whatever one byte of whatever file is changed to, the audit fails; if it is an entry's, it names that entry.
func TestNoAlteredByteEscapesAnAudit(t *testing.T) {
	l := newTestLog(t, 1300)
	files := l.files(t)
	var paths []string
	for path := range files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.SampledFrom(paths).Draw(rt, "path")
		at := rapid.IntRange(0, len(files[path].Data)-1).Draw(rt, "byte")
		x := rapid.ByteRange(1, 255).Draw(rt, "xor")
		bad := altered(t, files, path, func(b []byte) []byte { b[at] ^= x; return b })
		err := auditFiles(t, l, bad)
		if err == nil {
			rt.Fatalf("%s, byte %d xor %#x: audit passes", path, at, x)
		}
		tile, perr := ParseTilePath(path)
		if perr != nil || tile.L != EntryLevel {
			return
		}
		var f *Fault
		want := uint64(tile.N)*256 + uint64(at/52) + 1
		if !errors.As(err, &f) || f.Problem != Altered || f.First != want || f.Last != want {
			rt.Fatalf("%s, byte %d xor %#x: got %v, want entry %d", path, at, x, err, want)
		}
	})
}

func BenchmarkAudit(b *testing.B) {
	const size = 1 << 20
	l := newTestLog(b, size)
	files, policy := l.files(b), l.policy(b)
	b.ResetTimer()
	for b.Loop() {
		if _, err := (Audit{Source: Files{files}, Policy: policy}).Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkAuditOfADirectory(b *testing.B) {
	const size = 1 << 20
	l := newTestLog(b, size)
	dir := b.TempDir()
	for path, file := range l.files(b) {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, file.Data, 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	policy := l.policy(b)
	b.ResetTimer()
	for b.Loop() {
		if _, err := (Audit{Source: Files{os.DirFS(dir)}, Policy: policy}).Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func ExampleFault() {
	fmt.Println(&Fault{Problem: Altered, First: 778, Last: 778, Path: "tile/entries/003"})
	fmt.Println(&Fault{Problem: Replaced, First: 769, Last: 1024, Path: "tile/0/003"})
	// Output:
	// entry 778 is not what the checkpoint covers (tile/entries/003)
	// somewhere in entries 769 to 1024, the log agrees with its hash tile, and not with the checkpoint (tile/0/003)
}

// Of several altered entries the first is named, however the bundles are read ahead.
func TestFirstOfManyAlteredEntriesIsNamed(t *testing.T) {
	l := newTestLog(t, 3000)
	files := l.files(t)
	rapid.Check(t, func(rt *rapid.T) {
		seqs := rapid.SliceOfN(rapid.IntRange(1, 3000), 1, 6).Draw(rt, "seqs")
		bad := files
		for _, seq := range seqs {
			path := TilePath(tileOf(3000, EntryLevel, int64((seq-1)/256)))
			at := (seq-1)%256*52 + rapid.IntRange(2, 51).Draw(rt, "byte")
			bad = altered(t, bad, path, func(b []byte) []byte { b[at] = ^files[path].Data[at]; return b })
		}
		parallel := rapid.IntRange(1, 20).Draw(rt, "parallel")
		_, err := Audit{Source: Files{bad}, Policy: l.policy(t), Parallel: parallel}.Run(t.Context())
		var f *Fault
		if !errors.As(err, &f) || f.Problem != Altered || f.First != uint64(slices.Min(seqs)) {
			rt.Fatalf("entries %v altered: got %v", seqs, err)
		}
	})
}

// counted counts the bundles that were asked for and not yet verified.
type counted struct {
	Source
	mu         sync.Mutex
	open, most int
}

func (c *counted) Fetch(ctx context.Context, path string) ([]byte, error) {
	if strings.HasPrefix(path, "tile/entries/") {
		c.mu.Lock()
		c.open++
		c.most = max(c.most, c.open)
		c.mu.Unlock()
	}
	return c.Source.Fetch(ctx, path)
}

func TestMemoryDoesNotGrowWithTheLog(t *testing.T) {
	l := newTestLog(t, 70000)
	src := &counted{Source: Files{l.files(t)}}
	_, err := Audit{Source: src, Policy: l.policy(t), Parallel: 3, Progress: func(int64, int64) {
		src.mu.Lock()
		src.open--
		src.mu.Unlock()
	}}.Run(t.Context())
	// Those in the queue, the one being verified, and the one that the reader has just put in its place.
	if err != nil || src.most > 3+2 {
		t.Errorf("%d bundles were held at once, want at most 5; %v", src.most, err)
	}
}

func TestAuditNeedsASourceAndAPolicy(t *testing.T) {
	l := newTestLog(t, 1)
	for _, a := range []Audit{{}, {Source: Files{l.files(t)}}, {Policy: l.policy(t)}} {
		if _, err := a.Run(t.Context()); err == nil {
			t.Error("an audit of nothing passes")
		}
	}
}
