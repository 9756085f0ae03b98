package consent_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

func fold(acts []consent.Act) consent.Record { return consent.Fold(slices.Clone(acts)) }

func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawHistory(t, 12)
		want := fold(acts)
		if got := fold(rapid.Permutation(acts).Draw(t, "arrival")); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestToldTwiceIsToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawHistory(t, 10)
		want := fold(acts)
		again := slices.Clone(acts)
		for _, a := range acts {
			if rapid.Bool().Draw(t, "again") {
				again = append(again, a)
			}
		}
		if got := fold(rapid.Permutation(again).Draw(t, "arrival")); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestNextIsFoldWhereTheActFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawHistory(t, 10)
		before, a := fold(acts), drawAct(t, 11)
		follows := !slices.ContainsFunc(acts, func(b consent.Act) bool { return earlier(a, b) < 0 })
		if got := before.Follows(a); got != follows {
			t.Fatalf("Follows: got %t, want %t", got, follows)
		}
		if !follows {
			defer func() {
				if recover() == nil {
					t.Fatal("Next took an act that does not follow")
				}
			}()
		}
		if got, want := before.Next(a), fold(append(acts, a)); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestARecordResumesFromWhatIsStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := fold(drawHistory(t, 10))
		stored := r.Resume(time.Time{}, false, 0)
		if at, restricts, seq := stored.Last(); !at.IsZero() || restricts || seq != 0 {
			t.Fatalf("stored: got %v %t %d, want nothing", at, restricts, seq)
		}
		if got := stored.Resume(r.Last()); got != r {
			t.Fatalf("got %+v, want %+v", got, r)
		}
		if at, _, _ := r.Last(); !r.LastEffectiveAt().Equal(at) {
			t.Fatalf("last effective: got %v, want %v", r.LastEffectiveAt(), at)
		}
	})
}

func TestTheFoldIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawHistory(t, 12)
		got, want := fold(acts), modelOf(acts)
		for n := range 2*span + 2 {
			if at := minute(n); got.At(at).String() != want.status(at) || got.Allows(at) != want.stands(at) {
				t.Fatalf("at %v: got %s (allows %t), want %s", at, got.At(at), got.Allows(at), want.status(at))
			}
		}
		if got.Version != want.told || got.Entry != want.restsOn() || got.Conflict != want.conflict {
			t.Fatalf("got version %d, entry %d, conflict %d; want %d, %d, %d",
				got.Version, got.Entry, got.Conflict, want.told, want.restsOn(), want.conflict)
		}
		sameYes(t, got, want)
		sameNo(t, got, want)
	})
}

func sameYes(t *rapid.T, got consent.Record, want model) {
	if want.yes == nil {
		if got.Level != consent.NoLevel || got.Confirmed || !got.GrantedAt.IsZero() || !got.ValidUntil.IsZero() || !got.ReviewAt.IsZero() {
			t.Fatalf("got %+v, want nothing of a grant", got)
		}
		return
	}
	y := want.yes
	if got.Level != want.level || got.Confirmed != want.sure || !got.GrantedAt.Equal(y.EffectiveAt) ||
		!got.ValidUntil.Equal(y.ValidUntil) || !got.ReviewAt.Equal(y.ReviewAt) {
		t.Fatalf("got %+v, want the grant %+v", got, *y)
	}
	said(t, got, y)
}

func sameNo(t *rapid.T, got consent.Record, want model) {
	asked, said0 := time.Time{}, time.Time{}
	under, by := consent.None, consent.None
	if q := want.question; q != nil {
		asked = q.EffectiveAt
		said(t, got, q)
	} else if want.no != nil && want.ended == 0 {
		said(t, got, want.no)
	}
	if last := want.lastNo; last != nil {
		said0 = last.EffectiveAt
		m := model{no: last}
		by, _ = consent.ParseStatus(m.status(said0))
	}
	if want.no != nil {
		under = by
	}
	if !got.RequestedAt.Equal(asked) || !got.RestrictedAt.Equal(said0) || got.RestrictedBy != by || got.Under != under {
		t.Fatalf("got %+v, want requested %v, restricted %v by %s, under %s", got, asked, said0, by, under)
	}
}

// said holds what the record tells of the act that it rests on.
func said(t *rapid.T, got consent.Record, a *consent.Act) {
	if got.Source != a.Source || got.Disclosure != a.Disclosure || got.Evidenced != (a.Evidence != "") {
		t.Fatalf("got %+v, want source, wording and evidence of %+v", got, *a)
	}
}

func TestAnActDoesNotFollowItself(t *testing.T) {
	a := consent.Act{Kind: consent.Requested, EffectiveAt: noon, Seq: 1}
	if r := fold([]consent.Act{a}); r.Follows(a) {
		t.Errorf("an act told again would be folded twice: %+v", r)
	}
}
