package consent_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

func TestAnOldYesNeverBeatsALaterNo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawHistory(t, 12)
		no := drawAct(t, 99)
		no.Kind = rapid.SampledFrom([]consent.Kind{consent.Refused, consent.Withdrawn, consent.Revoked, consent.Reassigned}).Draw(t, "no")
		for _, a := range acts {
			if a.Kind.Grants() && a.Personal() && a.EffectiveAt.After(no.EffectiveAt) {
				return // the person has said yes again
			}
		}
		r := fold(append(acts, no))
		for n := range 4 * span {
			if at := no.EffectiveAt.Add(time.Duration(n) * 30 * time.Second); r.Allows(at) {
				t.Fatalf("allows at %v, after the no at %v: %+v", at, no.EffectiveAt, r)
			}
		}
	})
}

func TestARestrictionWinsATie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		no, yes := drawAct(t, 1), drawAct(t, 2)
		no.Kind, yes.Kind = consent.Withdrawn, consent.Granted
		yes.EffectiveAt, yes.ValidUntil = no.EffectiveAt, time.Time{}
		if r := fold([]consent.Act{yes, no}); r.Status != consent.StatusWithdrawn || r.Entry != no.Seq {
			t.Fatalf("got %+v, want withdrawn by entry 1", r)
		}
	})
}

// TestOnlyTheBestRoadsReviveANo goes through every source and road, dated or not, with evidence or without.
func TestOnlyTheBestRoadsReviveANo(t *testing.T) {
	for _, before := range []consent.Kind{consent.Refused, consent.Withdrawn, consent.Revoked, consent.Reassigned, consent.Requested} {
		for _, source := range consent.Sources {
			for via := consent.Live; via <= consent.ViaCRM; via++ {
				for _, proof := range []struct {
					dated    bool
					evidence string
				}{{false, ""}, {true, ""}, {false, "sha256:00"}, {true, "sha256:00"}} {
					no := consent.Act{Kind: before, EffectiveAt: minute(0), Source: consent.SMSKeyword, Seq: 1}
					yes := consent.Act{
						Kind: consent.Granted, Source: source, Via: via, EffectiveAt: minute(1), Dated: proof.dated,
						Level: consent.ExpressWritten, Evidence: proof.evidence, Seq: 2,
					}
					was, r := fold([]consent.Act{no}), fold([]consent.Act{no, yes})
					revives := byThePerson(&yes)
					if r.Allows(minute(1)) != revives {
						t.Errorf("%s, then granted by %s via %q, %+v: got %s, revived should be %t", before, source, via, proof, r.Status, revives)
					}
					if !revives && (r.Status != was.Status || r.Conflict != 2 || r.Entry != 1) {
						t.Errorf("%s, then granted by %s via %q, %+v: got %+v, want unchanged and a conflict", before, source, via, proof, r)
					}
				}
			}
		}
	}
}

func TestAConflictEndsWithTheNextNoOrThePersonsYes(t *testing.T) {
	no := consent.Act{Kind: consent.Withdrawn, EffectiveAt: minute(0), Source: consent.SMSKeyword, Seq: 1}
	imported := consent.Act{Kind: consent.Granted, EffectiveAt: minute(1), Source: consent.Import, Via: consent.ViaImport, Seq: 2}
	asked := consent.Act{Kind: consent.Requested, EffectiveAt: minute(2), Source: consent.System, Seq: 3}
	yes := consent.Act{Kind: consent.Granted, EffectiveAt: minute(3), Source: consent.WebForm, Seq: 4}
	if r := fold([]consent.Act{no, imported, asked}); r.Conflict != 2 || r.Status != consent.Pending {
		t.Errorf("asked again: got %+v, want pending with the conflict", r)
	}
	if r := fold([]consent.Act{no, imported, asked, yes}); r.Conflict != 0 || r.Status != consent.StatusGranted {
		t.Errorf("the person's yes: got %+v, want granted without a conflict", r)
	}
	no.EffectiveAt = minute(4)
	if r := fold([]consent.Act{no, imported, asked, yes}); r.Conflict != 0 || r.Status != consent.StatusWithdrawn {
		t.Errorf("a later no: got %+v, want withdrawn without a conflict", r)
	}
}

func TestSilenceIsNo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawHistory(t, 8)
		for i := range acts {
			if acts[i].Kind.Grants() {
				acts[i].Kind = consent.Requested
			}
		}
		r := fold(acts)
		for n := range 2 * span {
			if r.Allows(minute(n)) {
				t.Fatalf("allows with no grant: %+v", r)
			}
		}
	})
	if r := fold(nil); r != (consent.Record{}) || r.At(noon) != consent.None {
		t.Errorf("no acts: got %+v, want the zero record", r)
	}
}

func TestAYesEndsAtTheVeryMoment(t *testing.T) {
	yes := consent.Act{Kind: consent.Granted, EffectiveAt: noon, ValidUntil: minute(5), Source: consent.WebForm, Seq: 1}
	r := fold([]consent.Act{yes})
	for _, c := range []struct {
		at   time.Time
		want consent.Status
	}{
		{minute(5).Add(-time.Microsecond), consent.StatusGranted},
		{minute(5), consent.StatusExpired},
		{minute(5).Add(time.Microsecond), consent.StatusExpired},
	} {
		if got := r.At(c.at); got != c.want || r.Allows(c.at) != (c.want == consent.StatusGranted) {
			t.Errorf("at %v: got %s, want %s", c.at, got, c.want)
		}
	}
}

func TestARenewalAtTheMomentOfExpiryNeedsThePerson(t *testing.T) {
	yes := consent.Act{Kind: consent.Granted, EffectiveAt: noon, ValidUntil: minute(5), Source: consent.WebForm, Level: consent.Express, Seq: 1}
	renewed := consent.Act{Kind: consent.Renewed, EffectiveAt: minute(5), Source: consent.CRM, Via: consent.ViaCRM, Level: consent.ExpressWritten, Seq: 2}
	if r := fold([]consent.Act{yes, renewed}); r.Conflict != 2 || r.Allows(minute(5)) {
		t.Errorf("at the end: got %+v, want a conflict", r)
	}
	renewed.EffectiveAt = minute(5).Add(-time.Microsecond)
	if r := fold([]consent.Act{yes, renewed}); r.Level != consent.ExpressWritten || !r.Allows(minute(5)) {
		t.Errorf("just before: got %+v, want renewed", r)
	}
}

// TestToAskIsNoAnswer holds that a question leaves a yes as it is, and never takes anything from a no.
func TestToAskIsNoAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawHistory(t, 10)
		before := fold(acts)
		asked := drawAct(t, 99)
		asked.Kind, asked.EffectiveAt = consent.Requested, minute(span+1)
		after := fold(append(acts, asked))
		if before.Allows(asked.EffectiveAt) {
			if after.Status != before.Status || after.Entry != before.Entry {
				t.Fatalf("got %+v, want still granted", after)
			}
			return
		}
		if after.Status != consent.Pending || after.Under != before.Under || !after.RestrictedAt.Equal(before.RestrictedAt) {
			t.Fatalf("got %+v, want pending over %+v", after, before)
		}
		lapsed := asked
		lapsed.Kind, lapsed.EffectiveAt, lapsed.Seq = consent.Expired, minute(span+2), 100
		ended := fold(append(acts, asked, lapsed))
		want := consent.StatusExpired
		if before.Under != consent.None {
			want = before.Under
		}
		if ended.Status != want || !ended.RequestedAt.IsZero() {
			t.Fatalf("the question lapsed: got %+v, want %s", ended, want)
		}
	})
}
