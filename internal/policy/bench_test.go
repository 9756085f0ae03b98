package policy

import (
	"strconv"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// builtIn compiles the embedded packs once for all tests.
var builtIn = func() *Rules {
	packs, err := Load(BuiltIn())
	if err != nil {
		panic(err)
	}
	r, err := Compile(packs)
	if err != nil {
		panic(err)
	}
	return r
}()

func at(t testing.TB, zone, text string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	moment, err := (&Case{zone: loc}).moment(text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func plainAllow(t testing.TB, n phone.Number) *Question {
	noon := at(t, "America/New_York", "2026-11-23T14:00")
	return &Question{
		Number: n, Channel: consent.SMS, Class: consent.Marketing, At: noon, Status: consent.StatusGranted,
		Level: consent.ExpressWritten, Confirmed: true, GrantedAt: noon.AddDate(0, -1, 0), Registries: clearToday{noon}, Attempts: noAttempts{},
	}
}

type clearToday struct{ at time.Time }

func (c clearToday) Answer(RegistryKey) (bool, int64) { return false, c.at.Unix() - 60 }

type noAttempts struct{}

func (noAttempts) NthLatest(CapKey, int) (int64, bool) { return 0, false }

func TestJudgeAllocatesNothing(t *testing.T) {
	for _, n := range []phone.Number{12125550123, 13055550123, 447700900123, 18005550123} {
		q, out := plainAllow(t, n), Judgement{}
		if got := testing.AllocsPerRun(100, func() { builtIn.Judge(q, &out) }); got != 0 {
			t.Errorf("Judge allocates %v times on %s", got, n.Masked())
		}
		q.At = at(t, "America/New_York", "2026-11-22T03:00")
		if got := testing.AllocsPerRun(100, func() { builtIn.Judge(q, &out) }); got != 0 {
			t.Errorf("Judge allocates %v times on the way to a defer for %s", got, n.Masked())
		}
	}
}

func benchmark(b *testing.B, q *Question, want Outcome) {
	var out Judgement
	builtIn.Judge(q, &out)
	if out.Outcome != want {
		b.Fatalf("got %s %s %v, want %s", out.Outcome, out.Code, builtIn.Rule(out.Rule), want)
	}
	b.ReportAllocs()
	for b.Loop() {
		builtIn.Judge(q, &out)
	}
}

func BenchmarkAllowNewYork(b *testing.B)    { benchmark(b, plainAllow(b, 12125550123), Allow) }
func BenchmarkAllowFlorida(b *testing.B)    { benchmark(b, plainAllow(b, 13055550123), Allow) }
func BenchmarkAllowThreeZones(b *testing.B) { benchmark(b, plainAllow(b, 18505550123), Allow) }
func BenchmarkAllowLondon(b *testing.B)     { benchmark(b, plainAllow(b, 447700900123), Allow) }
func BenchmarkDenyTollFree(b *testing.B)    { benchmark(b, plainAllow(b, 18005550123), Deny) }

func BenchmarkDeferToMonday(b *testing.B) {
	q := plainAllow(b, 447700900123)
	q.Channel, q.At = consent.VoiceLive, at(b, "Europe/London", "2026-11-21T22:00")
	benchmark(b, q, Defer)
}

func BenchmarkDeferAcrossHolidays(b *testing.B) {
	q := plainAllow(b, 33199000123)
	q.Channel, q.At = consent.VoiceLive, at(b, "Europe/Paris", "2026-12-24T20:00")
	benchmark(b, q, Defer)
}

func BenchmarkLoadAndCompile(b *testing.B) {
	for b.Loop() {
		packs, err := Load(BuiltIn())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Compile(packs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMixed walks through numbers of every area code and country, so that no table stays in the nearest cache.
func BenchmarkMixed(b *testing.B) {
	q, out := plainAllow(b, 12125550123), Judgement{}
	var numbers []phone.Number
	for _, p := range builtIn.Packs() {
		for _, prefix := range p.Prefixes {
			numbers = append(numbers, phone.Number(mustNumber(b, prefix+"2025550123")))
		}
		for _, prefixes := range p.Areas {
			for _, prefix := range prefixes {
				numbers = append(numbers, phone.Number(mustNumber(b, prefix+"5550123")))
			}
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.Number = numbers[i*7919%len(numbers)]
		builtIn.Judge(q, &out)
	}
}

func mustNumber(t testing.TB, digits string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(digits[:min(len(digits), 15)], 10, 50)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
