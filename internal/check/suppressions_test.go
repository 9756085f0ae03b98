package check_test

import (
	"slices"
	"testing"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

func TestSuppressionsNamesTheListsOfAllBrands(t *testing.T) {
	x := check.New(check.Config{})
	const number, other phone.Number = 12025550123, 12025550124
	if got := x.Suppressions(number); len(got) != 0 {
		t.Errorf("without lists: got %v", got)
	}
	define := func(id string, brand consent.BrandID, members ...phone.Number) check.ListChange {
		return check.ListChange{ID: id, Define: &check.List{ID: id, Name: id, Kind: "own", Brand: brand}, Add: members}
	}
	err := x.Apply(check.Batch{Seq: 1, Lists: []check.ListChange{
		define("zeta", "", number), define("acme-own", "acme", number, other), define("empty", ""),
	}})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(n phone.Number) []string {
		var out []string
		for _, l := range x.Suppressions(n) {
			out = append(out, l.ID)
		}
		return out
	}
	if got := ids(number); !slices.Equal(got, []string{"acme-own", "zeta"}) {
		t.Errorf("got %v, want both lists, by ID", got)
	}
	if got := ids(other); !slices.Equal(got, []string{"acme-own"}) {
		t.Errorf("other: got %v, want acme-own", got)
	}
	extended, err := phone.Parse("+1 202-555-0123 ext 7", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(extended); !slices.Equal(got, []string{"acme-own", "zeta"}) {
		t.Errorf("with an extension: got %v, want the bare number's lists", got)
	}
	if err := x.Apply(check.Batch{Seq: 2, Lists: []check.ListChange{{ID: "zeta", Remove: true}}}); err != nil {
		t.Fatal(err)
	}
	if got := ids(number); !slices.Equal(got, []string{"acme-own"}) {
		t.Errorf("after the removal: got %v, want acme-own", got)
	}
}
