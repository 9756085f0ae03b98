package attempt_test

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/testkit/dbtest"
)

func TestTheLatestContactsOfABrandAreTold(t *testing.T) {
	a := opened(t, dbtest.Open(t))
	others := made(alice, time.Minute)
	others.Brand = "other"
	if _, err := a.Report(ctx, made(alice, 3*time.Hour), made(alice, time.Hour), made(alice, 2*time.Hour), made(bob, 0), others); err != nil {
		t.Fatal(err)
	}
	got, err := a.Recent(ctx, alice, "acme", 2)
	if err != nil || len(got) != 2 || !got[0].At.Equal(noon.Add(-time.Hour)) || !got[1].At.Equal(noon.Add(-2*time.Hour)) {
		t.Errorf("got %+v, %v, want those of one and two hours ago", got, err)
	}
}
