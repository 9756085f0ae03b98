package scrub_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/scrub"
)

func TestAFileThatWasScrubbedBeforeIsRefused(t *testing.T) {
	const before = "number,Verdict, reason\n+12025550102,deny,old\n"
	var out bytes.Buffer
	_, err := scrub.CSV(t.Context(), index(t), strings.NewReader(before), &out, asked)
	var taken *scrub.TakenError
	if !errors.As(err, &taken) || !slices.Equal(taken.Columns, []string{"verdict", "reason"}) || out.Len() > 0 {
		t.Fatalf("got %q, %v; want nothing but an error that names both columns", out.String(), err)
	}
	o := asked
	o.Prefix = "consent_"
	got := scrubbed(t, before, o)
	if want := "number,Verdict, reason,consent_verdict,consent_reason,consent_next_allowed_at\n+12025550102,deny,old,allow,granted,\n"; got != want {
		t.Errorf("with a prefix:\ngot  %q\nwant %q", got, want)
	}
}

func TestALineThatSaysAThingTwiceIsInvalidInItsPlace(t *testing.T) {
	in := `{"number":"+12025550102","verdict":"deny"}` + "\n" + `{"number":"+12025550100","number":"+12025550102"}` + "\n" + `{"number":"+12025550102"}` + "\n"
	want := `{"input":"{\"number\":\"+12025550102\",\"verdict\":\"deny\"}","verdict":"invalid","reason":"name_taken","next_allowed_at":null}` + "\n" +
		`{"input":"{\"number\":\"+12025550100\",\"number\":\"+12025550102\"}","verdict":"invalid","reason":"duplicate_field","next_allowed_at":null}` + "\n" +
		`{"number":"+12025550102","verdict":"allow","reason":"granted","next_allowed_at":null}` + "\n"
	var out bytes.Buffer
	counts, err := scrub.NDJSON(t.Context(), index(t), strings.NewReader(in), &out, asked)
	if err != nil || out.String() != want || counts.Invalid != 2 || counts.Allow != 1 {
		t.Errorf("got  %s\nwant %s\n%+v, %v", out.String(), want, counts, err)
	}
	o := asked
	o.Prefix = "c_"
	out.Reset()
	if _, err := scrub.NDJSON(t.Context(), index(t), strings.NewReader(`{"number":"+12025550102","verdict":"deny"}`), &out, o); err != nil || !strings.Contains(out.String(), `"verdict":"deny","c_verdict":"allow","c_reason":"granted","c_next_allowed_at":null}`) {
		t.Errorf("with a prefix: got %s, %v", out.String(), err)
	}
}
