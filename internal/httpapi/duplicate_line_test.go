package httpapi_test

import (
	"strings"
	"testing"
)

func TestALineWithTheIDOfAnEarlierOneIsRejected(t *testing.T) {
	f := start(t)
	line := mustJSON(grant(alice, "correlation_id", "a")) + "\n"
	before := f.head()
	a := f.do(request{method: "POST", path: "/v1/consents/batch", media: "application/x-ndjson", body: line + line}).status(200)
	if got := string(a.body); strings.Count(got, "duplicate_correlation_id") == 0 || f.head() != before+1 {
		t.Errorf("got %s and %d entries, want one act and one rejection", got, f.head()-before)
	}
}
