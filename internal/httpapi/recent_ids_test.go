package httpapi

import (
	"strconv"
	"testing"
)

func TestAStreamRemembersItsLastIDsAndNoMore(t *testing.T) {
	var r recentIDs
	for i := range mostRecentIDs + 1 {
		if !r.add(strconv.Itoa(i)) {
			t.Fatalf("id %d is new, and was taken for another", i)
		}
	}
	if r.add("1") || r.add(strconv.Itoa(mostRecentIDs)) {
		t.Error("a recent id was taken for a new one")
	}
	if !r.add("0") || len(r.held) != mostRecentIDs {
		t.Errorf("%d ids are held, want %d without the oldest", len(r.held), mostRecentIDs)
	}
}
