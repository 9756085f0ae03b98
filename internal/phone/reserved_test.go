package phone

import (
	"fmt"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func TestReservedSpansAreUsable(t *testing.T) {
	for i, s := range reservedSpans {
		if s.first > s.last || i > 0 && s.first <= reservedSpans[i-1].last {
			t.Errorf("span %d: %s to %s is out of order", i, s.first, s.last)
		}
		for _, n := range []Number{s.first, (s.first + s.last) / 2, s.last} {
			got, err := Parse(n.String(), "")
			if err != nil || got != n || !Reserved(n) {
				t.Errorf("%s: got %s, reserved %v, %v", n, got, Reserved(n), err)
			}
			if Region(n) != s.region || Type(n) != s.lineType {
				t.Errorf("%s: %s %s, want %s %s", n, Region(n), Type(n), s.region, s.lineType)
			}
			national, err := Parse(FormatNational(n), s.region)
			if err != nil || national != n {
				t.Errorf("%s written nationally: got %s, %v", n, national, err)
			}
		}
	}
}

func TestReservedEndsWhereItEnds(t *testing.T) {
	for _, n := range []Number{0, 1_202_555_0099, 1_202_555_0200, 1_202_556_0123, 1_800_555_0100, 1_900_555_0123,
		2_202_555_0123, 44_7700_899999, 44_7700_901000, 46_70_174_06_04, 61_491_570_160} {
		if Reserved(n) {
			t.Errorf("%s is said to be reserved", n)
		}
	}
	extended, _ := sample.withExtension("1")
	for _, n := range []Number{1_202_555_0100, 1_416_555_0199, 1_800_555_0199, 44_7700_900000, extended} {
		if !Reserved(n) {
			t.Errorf("%s is not said to be reserved", n)
		}
	}
}

// TestReservedInEveryAreaCode: all area codes of the United States and Canada can be used in samples.
func TestReservedInEveryAreaCode(t *testing.T) {
	usable := 0
	for areaCode := 201; areaCode < 1000; areaCode++ {
		n, err := Parse(fmt.Sprintf("+1%d5550142", areaCode), "")
		if err != nil {
			continue
		}
		if region := Region(n); Type(n) == FixedOrMobile && (region == "US" || region == "CA") && Reserved(n) {
			usable++
		}
	}
	if usable < 350 {
		t.Errorf("%d area codes accept 555-01XX, expected all of about 400", usable)
	}
}

func TestReservedNumbersTheLibraryRejects(t *testing.T) {
	rejected := 0
	for _, s := range reservedSpans {
		if !phonenumbers.IsValidNumber(toLibrary(s.first)) {
			rejected++
			if _, ok := ParseE164([]byte(s.first.String())); !ok {
				t.Errorf("%s is rejected", s.first)
			}
		}
	}
	if rejected == 0 {
		t.Error("the library accepts every reserved range now: the exception can go")
	}
}
