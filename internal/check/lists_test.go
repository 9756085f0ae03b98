package check

import (
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/consentline/consentline/internal/phone"
)

func samples(from, count int) iter.Seq[phone.Number] {
	return func(yield func(phone.Number) bool) {
		for i := range count {
			if !yield(sample(from + i)) {
				return
			}
		}
	}
}

func listsOn(l *Lists, n phone.Number, brand string) []string {
	var found suppressions
	l.find(n, []byte(brand), &found)
	var ids []string
	for _, list := range found.lists[:found.count] {
		ids = append(ids, list.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestListsTakeNoMemoryUntilDefined(t *testing.T) {
	l := NewLists(1)
	if l.Bytes() != 0 || l.Members() != 0 || listsOn(l, sample(1), "default") != nil {
		t.Error("lists that nobody defined take memory or hold numbers")
	}
}

func TestListsKnowTheirBrandAndExtensions(t *testing.T) {
	l := NewLists(1)
	extension := sample(1) | 12<<50
	for _, list := range []List{{ID: "all"}, {ID: "any", Brand: "*"}, {ID: "acme", Brand: "acme"}} {
		if err := l.Replace(list, l.Stage(slices.Values([]phone.Number{sample(1), 0}))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Add("acme", sample(2)|12<<50, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		number phone.Number
		brand  string
		want   []string
	}{
		{sample(1), "acme", []string{"acme", "all", "any"}},
		{sample(1), "other", []string{"all", "any"}},
		{extension, "acme", []string{"acme", "all", "any"}},
		{sample(2) | 12<<50, "acme", []string{"acme"}},
		{sample(2) | 13<<50, "acme", nil},
		{sample(2), "acme", nil},
		{sample(3), "acme", nil},
	} {
		if got := listsOn(l, c.number, c.brand); !slices.Equal(got, c.want) {
			t.Errorf("%v of %s: on %v, want %v", c.number, c.brand, got, c.want)
		}
	}
	if l.Members() != 4 {
		t.Errorf("%d members: number zero became one", l.Members())
	}
}

func TestDefiningAgainKeepsMembersAndChangesTheRest(t *testing.T) {
	l := NewLists(1)
	for _, list := range []List{{ID: "own", Brand: "acme"}, {ID: "own", Brand: "other", Name: "Ours"}} {
		if err := l.Define(list); err != nil {
			t.Fatal(err)
		}
		if err := l.Add("own", sample(1)); err != nil {
			t.Fatal(err)
		}
	}
	if listsOn(l, sample(1), "acme") != nil || !slices.Equal(listsOn(l, sample(1), "other"), []string{"own"}) || l.Members() != 1 {
		t.Errorf("acme: %v, other: %v, %d members", listsOn(l, sample(1), "acme"), listsOn(l, sample(1), "other"), l.Members())
	}
	if got, ok := l.Get("own"); !ok || got.Name != "Ours" {
		t.Errorf("Get = %+v, %v", got, ok)
	}
}

func TestUnknownListsAreRefused(t *testing.T) {
	l := NewLists(1)
	var unknown *UnknownListError
	for name, err := range map[string]error{"add": l.Add("x", sample(1)), "delete": l.Delete("x", sample(1)), "remove": l.Remove("x")} {
		if !errors.As(err, &unknown) || unknown.ID != "x" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.Define(List{}) == nil || l.Replace(List{}, l.Stage(samples(0, 1))) == nil {
		t.Error("a list without an id was defined")
	}
	if _, ok := l.Get("x"); ok {
		t.Error("a list that nobody defined is there")
	}
}

func TestReplacedAndRemovedMembersGiveTheirMemoryBack(t *testing.T) {
	const members = 40_000
	l := NewLists(1)
	for range 3 {
		if err := l.Replace(List{ID: "registry"}, l.Stage(samples(0, members))); err != nil {
			t.Fatal(err)
		}
	}
	if l.Members() != members || l.Bytes() > 24*members {
		t.Errorf("%d members in %d bytes", l.Members(), l.Bytes())
	}
	if err := l.Replace(List{ID: "registry"}, l.Stage(samples(0, 10))); err != nil {
		t.Fatal(err)
	}
	if l.Members() != 10 || l.Bytes() > 5*members {
		t.Errorf("%d members in %d bytes", l.Members(), l.Bytes())
	}
	if err := l.Remove("registry"); err != nil {
		t.Fatal(err)
	}
	if l.Members() != 0 || listsOn(l, sample(1), "") != nil {
		t.Errorf("%d members after the list was removed", l.Members())
	}
}

// TestReplacingIsAtomic reads numbers that stand in every version of a list, in every second, and in none.
func TestReplacingIsAtomic(t *testing.T) {
	l := NewLists(1)
	even, odd := samples(0, 600), samples(400, 600) // 400…599 in both
	if err := l.Replace(List{ID: "registry"}, l.Stage(even)); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for r := range 2 {
		readers.Go(func() {
			for i := r; !stop.Load(); i++ {
				if n := sample(400 + i%200); listsOn(l, n, "") == nil {
					t.Error("a number that stands in every version was on no list")
					return
				}
				if n := sample(1000 + i%200); listsOn(l, n, "") != nil {
					t.Error("a number that stands in no version was on a list")
					return
				}
			}
		})
	}
	for range 100 {
		for _, members := range []iter.Seq[phone.Number]{odd, even} {
			if err := l.Replace(List{ID: "registry"}, l.Stage(members)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	readers.Wait()
}

func TestStagedMembersTakeNoPartUntilTheListIsReplaced(t *testing.T) {
	x := indexWith(t, Config{}, Batch{})
	apply := func(c ListChange) {
		t.Helper()
		if err := x.Apply(Batch{Seq: x.Revision() + 1, Lists: []ListChange{c}}); err != nil {
			t.Fatal(err)
		}
	}
	wantOn := func(when string, want ...string) {
		t.Helper()
		if got := listsOn(x.lists, sample(1), "default"); !slices.Equal(got, want) {
			t.Errorf("%s: on %v, want %v", when, got, want)
		}
	}
	staged := x.Stage(samples(0, 10))
	wantOn("staged for a first list")
	apply(ListChange{Define: &List{ID: "own"}})
	wantOn("defined without members")
	for range 2 {
		apply(ListChange{Define: &List{ID: "own"}, Staged: staged})
		wantOn("replaced", "own")
	}
	staged.Discard()
	wantOn("in use, and so not discarded", "own")

	other := x.Stage(samples(0, 10))
	if got := x.Stats().Members; got != 20 {
		t.Errorf("%d members with ten staged, want 20", got)
	}
	other.Discard()
	wantOn("others discarded", "own")
	if got := x.Stats().Members; got != 10 {
		t.Errorf("%d members after ten were discarded, want 10", got)
	}
	if NewLists(1).Replace(List{ID: "own"}, staged) == nil {
		t.Error("members staged elsewhere were taken")
	}
	if x.lists.Replace(List{ID: "own"}, other) == nil {
		t.Error("members that were discarded were taken")
	}
	if x.lists.Replace(List{ID: "second"}, staged) == nil {
		t.Error("members of another list were taken")
	}
	apply(ListChange{Define: &List{ID: "own"}, Members: samples(1, 1)})
	if x.lists.Replace(List{ID: "own"}, staged) == nil {
		t.Error("members that were replaced were taken")
	}
	wantOn("after all that", "own")
}
