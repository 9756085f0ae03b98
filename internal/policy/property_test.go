package policy

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

var sampleNumbers = []phone.Number{
	12025550123, 13055550123, 18505550123, 12145550123, 12155550123, 14015550123, 12055550123, 17015550123, 19075550123, 18005550123,
	14165550123, 16045550123, 17095550123, 18675550123, 447700900123, 4930231250, 33199000123, 34600, 3906, 35840, 3546, 35387, 2782,
	5521, 9198, 61491570156, 61255501234, 9715, 822, 656, 254700, 18765550123,
}

// drawnBook answers from a fixed list of attempts and one answer for all registries.
type drawnBook struct {
	attempts []int64
	listed   bool
	answered int64
}

func (b *drawnBook) NthLatest(_ CapKey, n int) (int64, bool) {
	if n > len(b.attempts) {
		return 0, false
	}
	return b.attempts[n-1], true
}

func (b *drawnBook) Answer(RegistryKey) (bool, int64) { return b.listed, b.answered }

// thoroughly runs a property some thousand times, since most drawn questions are denied at once.
func thoroughly(t *testing.T, property func(*rapid.T)) {
	for range 40 {
		rapid.Check(t, property)
	}
}

func drawQuestion(t *rapid.T) *Question {
	moment := rapid.Int64Range(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2028, 12, 31, 0, 0, 0, 0, time.UTC).Unix()).Draw(t, "at")
	past := func(label string) time.Time {
		if rapid.Bool().Draw(t, label+" known") {
			return time.Unix(moment-rapid.Int64Range(0, 3*365*daySeconds).Draw(t, label), 0)
		}
		return time.Time{}
	}
	book := &drawnBook{listed: rapid.IntRange(0, 9).Draw(t, "listed") == 0, answered: moment - rapid.Int64Range(0, 40*daySeconds).Draw(t, "answer age")}
	for at := moment; rapid.IntRange(0, 3).Draw(t, "more attempts") > 0 && len(book.attempts) < 9; {
		at -= rapid.Int64Range(60, 5*daySeconds).Draw(t, "gap")
		book.attempts = append(book.attempts, at)
	}
	return &Question{
		Number: rapid.SampledFrom(sampleNumbers).Draw(t, "number"), Channel: rapid.SampledFrom(consent.Channels).Draw(t, "channel"),
		Class: rapid.SampledFrom(consent.Classes).Draw(t, "class"), At: time.Unix(moment, 0),
		Circumstances: Circumstances{
			Contact: rapid.SampledFrom([]Contact{Ordinary, Ordinary, ConsentRequest, OptOutConfirmation}).Draw(t, "contact"),
			Sender:  Sender(rapid.IntRange(0, 4).Draw(t, "sender")), Sector: Sector(rapid.IntRange(0, 5).Draw(t, "sector")),
			Line: Line(rapid.IntRange(0, 2).Draw(t, "line")), Facts: Fact(rapid.Uint16Range(0, 1<<11-1).Draw(t, "facts")),
			PurchasedAt: past("purchased"), InquiredAt: past("inquired"), InboundAt: past("inbound"), ConversationAt: past("conversation"),
		},
		Status: consent.Status(rapid.IntRange(0, 6).Draw(t, "status")),
		Level:  consent.Level(rapid.IntRange(0, 4).Draw(t, "level")), Confirmed: rapid.Bool().Draw(t, "confirmed"),
		GrantedAt: past("granted"), RestrictedAt: past("restricted"), RestrictedBy: consent.Status(rapid.SampledFrom([]int{0, 3, 4, 5}).Draw(t, "by")),
		Attempts: book, Registries: book,
		Switches: Switches(rapid.Uint64().Draw(t, "switches")),
	}
}

// A jurisdiction or a zone more can only forbid: what was denied stays denied, and nothing opens earlier.
func TestAddingAJurisdictionNeverAllows(t *testing.T) {
	thoroughly(t, func(t *rapid.T) {
		q := drawQuestion(t)
		var without, with Judgement
		builtIn.Judge(q, &without)
		if without.Code == NoRule && len(builtIn.Whereabouts(q).Regions) == 0 {
			return // a first jurisdiction is what turns silence into an answer
		}
		region := rapid.SampledFrom(builtIn.jurisdictions).Draw(t, "region").region
		place, err := builtIn.Locate(addressOf(region))
		if err != nil {
			t.Fatal(err)
		}
		q.Place = place
		builtIn.Judge(q, &with)
		if without.Outcome != Allow && with.Outcome == Allow {
			t.Fatalf("%s became allow by adding %s: %s", without.Outcome, region, builtIn.Describe(&without, time.UTC))
		}
		if without.Outcome == Deny && with.Outcome != Deny {
			t.Fatalf("deny became %s by adding %s: %s", with.Outcome, region, builtIn.Describe(&without, time.UTC))
		}
		if without.Outcome == Defer && with.Outcome == Defer && with.NextAllowedAt < without.NextAllowedAt {
			t.Fatalf("adding %s opens earlier: %s, before %s", region, builtIn.Describe(&with, time.UTC), builtIn.Describe(&without, time.UTC))
		}
	})
}

func addressOf(region string) Address {
	if len(region) > 2 {
		return Address{Country: region[:2], Region: region[3:]}
	}
	return Address{Country: region}
}

// The next allowed time is allowed, and nothing before it is: checked minute by minute against the judgement itself.
func TestNextAllowedIsTheEarliest(t *testing.T) {
	thoroughly(t, func(t *rapid.T) {
		q := drawQuestion(t)
		var j Judgement
		builtIn.Judge(q, &j)
		if j.Outcome != Defer {
			return
		}
		asked := q.At.Unix()
		at := func(second int64) Outcome {
			then := *q
			then.At = time.Unix(second, 0)
			then.Registries = &drawnBook{answered: second}
			var out Judgement
			builtIn.Judge(&then, &out)
			return out.Outcome
		}
		if got := at(j.NextAllowedAt); got != Allow {
			t.Fatalf("at the next allowed time the answer is %s", got)
		}
		step := max(60, (j.NextAllowedAt-asked)/400)
		for second := asked; second < j.NextAllowedAt; second += step {
			if at(second) == Allow {
				t.Fatalf("allowed at %d, before the next allowed time %d", second, j.NextAllowedAt)
			}
		}
		if at(j.NextAllowedAt-1) == Allow {
			t.Fatalf("allowed one second before the next allowed time %d", j.NextAllowedAt)
		}
	})
}

// Until ChangesAt an allow stays an allow, as long as nobody acts.
func TestAllowHoldsUntilItSaysSo(t *testing.T) {
	thoroughly(t, func(t *rapid.T) {
		q := drawQuestion(t)
		var j Judgement
		builtIn.Judge(q, &j)
		if j.Outcome != Allow {
			return
		}
		until := q.At.Unix() + 400*daySeconds
		if j.ChangesAt != 0 {
			until = j.ChangesAt
		}
		for _, second := range []int64{q.At.Unix() + rapid.Int64Range(0, until-q.At.Unix()-1).Draw(t, "later"), until - 1} {
			then := *q
			then.At = time.Unix(second, 0)
			var out Judgement
			builtIn.Judge(&then, &out)
			if out.Outcome != Allow {
				t.Fatalf("allowed until %d, but at %d: %s", until, second, builtIn.Describe(&out, time.UTC))
			}
		}
	})
}

// What nobody granted is allowed only where a rule exempts it, and the judgement names that rule.
func TestSilenceIsNo(t *testing.T) {
	thoroughly(t, func(t *rapid.T) {
		q := drawQuestion(t)
		var j Judgement
		builtIn.Judge(q, &j)
		if j.Outcome != Allow || q.Contact == OptOutConfirmation {
			return
		}
		if q.Status.Restricted() {
			t.Fatal("an objection was overruled")
		}
		if q.Status == consent.StatusGranted && q.Level != consent.NoLevel && j.Code == NoCode {
			return
		}
		if rule := builtIn.Rule(j.Rule); j.Code != Exempt || rule == nil || rule.Kind != KindConsent {
			t.Fatalf("allowed with status %s by nothing: %s", q.Status, builtIn.Describe(&j, time.UTC))
		}
	})
}

// A gate is named once, however many zones and jurisdictions it fails in.
func TestNoGateFailsTwice(t *testing.T) {
	thoroughly(t, func(t *rapid.T) {
		q := drawQuestion(t)
		region := rapid.SampledFrom(builtIn.jurisdictions).Draw(t, "region").region
		var err error
		if q.Place, err = builtIn.Locate(addressOf(region)); err != nil {
			t.Fatal(err)
		}
		var j Judgement
		builtIn.Judge(q, &j)
		seen := map[Failure]bool{}
		for _, f := range j.Failed() {
			if seen[f] && f.Code != NoRule {
				t.Fatalf("%s fails twice: %s", builtIn.Rule(f.Rule).ID, builtIn.Describe(&j, time.UTC))
			}
			seen[f] = true
		}
	})
}

func TestZoneTablesAgreeWithTheStandardLibrary(t *testing.T) {
	thoroughly(t, func(t *rapid.T) {
		z := rapid.SampledFrom(builtIn.zones).Draw(t, "zone")
		second := rapid.Int64Range(dayOf(1975, 1, 1)*daySeconds, dayOf(2090, 1, 1)*daySeconds).Draw(t, "second")
		if rapid.Bool().Draw(t, "at a change") {
			second = rapid.SampledFrom(z.starts).Draw(t, "start") + rapid.Int64Range(-2, 2).Draw(t, "around")
		}
		_, want := time.Unix(second, 0).In(z.loc).Zone()
		got, until := z.at(second)
		if got != int64(want) {
			t.Fatalf("%s at %d: offset %d, want %d", z.name, second, got, want)
		}
		if until <= second {
			t.Fatalf("%s at %d: the offset ended at %d already", z.name, second, until)
		}
		if _, last := time.Unix(until-1, 0).In(z.loc).Zone(); last != want {
			t.Fatalf("%s at %d: the offset changes before %d", z.name, second, until)
		}
		day := z.local(second).day
		start := z.startOfDay(day)
		if z.local(start).day < day || z.local(start-1).day >= day {
			t.Fatalf("%s: day %d does not start at %d", z.name, day, start)
		}
	})
}

func TestGapsAndIntersections(t *testing.T) {
	thoroughly(t, func(t *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) interval {
			from := rapid.Int64Range(0, 20).Draw(t, "from")
			return interval{from, from + rapid.Int64Range(0, 8).Draw(t, "length")}
		})
		whole := draw.Draw(t, "whole")
		covered := rapid.SliceOf(draw).Draw(t, "covered")
		left := gaps(whole, covered)
		in := func(at int64) func(interval) bool {
			return func(i interval) bool { return at >= i.from && at < i.until }
		}
		for at := int64(-1); at < 32; at++ {
			want := in(at)(whole) && !slices.ContainsFunc(covered, in(at))
			if got := slices.ContainsFunc(left, in(at)); got != want {
				t.Fatalf("%d: left %v, want %v, of %v without %v: %v", at, got, want, whole, covered, left)
			}
		}
	})
}
