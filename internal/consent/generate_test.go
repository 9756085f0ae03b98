package consent_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

// noon is when the generated histories begin; they last a few minutes, so that acts often fall on the same moment.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const span = 8

func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func sometimes(t *rapid.T, at time.Time, label string) time.Time {
	if rapid.Bool().Draw(t, label) {
		return at
	}
	return time.Time{}
}

// drawAct draws any act there can be, with the given place in the ledger.
func drawAct(t *rapid.T, seq uint64) consent.Act {
	return consent.Act{
		Kind:        rapid.SampledFrom(consent.Kinds).Draw(t, "kind"),
		EffectiveAt: minute(rapid.IntRange(0, span).Draw(t, "minute")), RecordedAt: minute(span),
		Dated:      rapid.Bool().Draw(t, "dated"),
		Level:      consent.Level(rapid.IntRange(0, int(consent.ExpressWritten)).Draw(t, "level")),
		Confirmed:  rapid.Bool().Draw(t, "confirmed"),
		Source:     rapid.SampledFrom(consent.Sources).Draw(t, "source"),
		Via:        consent.Via(rapid.IntRange(0, int(consent.ViaCRM)).Draw(t, "via")),
		ValidUntil: sometimes(t, minute(rapid.IntRange(0, 2*span).Draw(t, "until")), "ends"),
		ReviewAt:   sometimes(t, minute(span), "reviewed"),
		Disclosure: consent.DisclosureRef{ID: "form", Version: int(seq)},
		Evidence:   rapid.SampledFrom([]string{"", "sha256:00"}).Draw(t, "evidence"),
		Seq:        seq,
	}
}

// drawHistory draws acts in no order; those that a test needs more often, grants of the person, come more often.
func drawHistory(t *rapid.T, most int) []consent.Act {
	n := rapid.IntRange(0, most).Draw(t, "acts")
	order := rapid.Permutation(numbers(n)).Draw(t, "order")
	acts := make([]consent.Act, n)
	for i := range acts {
		acts[i] = drawAct(t, order[i])
		if rapid.IntRange(0, 3).Draw(t, "personal") == 0 {
			acts[i].Kind, acts[i].Source, acts[i].Via = consent.Granted, consent.WebForm, consent.Live
		}
	}
	return acts
}

func numbers(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i + 1)
	}
	return out
}
