package phone

import (
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// TestFastPathEqualsLibrary holds the automaton equal to the library on more than a million numbers: it accepts
// exactly what is valid and canonical there and fits E.164, with the same region and type.
func TestFastPathEqualsLibrary(t *testing.T) {
	numbers := 1_200_000
	if raceEnabled {
		numbers = 60_000
	}
	const workers = 2
	sources := numberSources(t)
	var group sync.WaitGroup
	results := make([]comparison, workers)
	for w := range workers {
		group.Go(func() {
			g := generator{newRand(uint64(w)), sources}
			for range numbers / workers {
				results[w].add(g.next())
			}
		})
	}
	group.Wait()
	var total comparison
	for w := range results {
		total.merge(&results[w])
	}
	for _, difference := range total.differences {
		t.Error(difference)
	}
	t.Logf("compared %d numbers, of which %d valid and canonical", total.compared, total.canonical)
	if total.canonical*10 < total.compared*4 {
		t.Errorf("only %d of %d numbers were valid: the generator tests too little", total.canonical, total.compared)
	}
}

// comparison counts and collects what the two ways of reading the same text gave.
type comparison struct {
	compared, canonical int
	differences         []string
	scratch             phonenumbers.PhoneNumber
}

func (c *comparison) add(e164 string) {
	c.compared++
	n, fast := ParseE164([]byte(e164))
	if fast && Reserved(n) {
		return // the one deliberate difference; the reserved ranges have a test of their own
	}
	c.scratch.Reset()
	err := phonenumbers.ParseToNumber(e164, "", &c.scratch)
	if err != nil {
		c.expect(!fast, e164, "accepted, but the library says: "+fmt.Sprint(err))
		return
	}
	lineType := phonenumbers.GetNumberType(&c.scratch)
	valid := lineType != phonenumbers.UNKNOWN
	canonical := valid && len(e164) <= 1+maxDigits && phonenumbers.Format(&c.scratch, phonenumbers.E164) == e164
	if canonical {
		c.canonical++
	}
	c.expect(canonical || !fast, e164, "accepted, but the library rejects or rewrites it")
	c.expect(fast || !canonical, e164, "not accepted, but valid and canonical in the library")
	if !fast || !canonical {
		return
	}
	c.expect(n.String() == e164, e164, "became "+n.String())
	c.expect(Type(n) == fromLibraryType[lineType], e164, "has type "+Type(n).String())
	if region := phonenumbers.GetRegionCodeForNumber(&c.scratch); region != Region(n) {
		c.expect(false, e164, "has region "+Region(n)+", in the library "+region)
	}
	if c.compared%64 == 0 { // validity is "has a type" in the library; hold that too, on a sample since it is slow
		c.expect(phonenumbers.IsValidNumber(&c.scratch) == valid, e164, "is valid without a type, or the reverse")
	}
}

func (c *comparison) expect(ok bool, e164, what string) {
	if !ok && len(c.differences) < 20 {
		c.differences = append(c.differences, e164+" "+what)
	}
}

func (c *comparison) merge(other *comparison) {
	c.compared += other.compared
	c.canonical += other.canonical
	c.differences = append(c.differences, other.differences...)
}

// source makes numbers of one calling code by one of the patterns that the metadata has for it.
type source struct {
	code    string
	prefix  string
	pattern *syntax.Regexp
}

func numberSources(t testing.TB) []source {
	t.Helper()
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		t.Fatal(err)
	}
	var sources []source
	for _, meta := range collection.GetMetadata() {
		for _, desc := range []*phonenumbers.PhoneNumberDesc{
			meta.GetFixedLine(), meta.GetMobile(), meta.GetTollFree(), meta.GetPremiumRate(), meta.GetSharedCost(),
			meta.GetPersonalNumber(), meta.GetVoip(), meta.GetPager(), meta.GetUan(), meta.GetVoicemail(),
		} {
			pattern := desc.GetNationalNumberPattern()
			if pattern == "" || pattern == "NA" { // the metadata's word for "no such numbers"
				continue
			}
			parsed, err := syntax.Parse(pattern, syntax.Perl)
			if err != nil {
				t.Fatal(err)
			}
			code := strconv.Itoa(int(meta.GetCountryCode()))
			sources = append(sources, source{code, meta.GetNationalPrefix(), parsed.Simplify()})
		}
	}
	return sources
}

type generator struct {
	*rand.Rand
	sources []source
}

// next returns "+" and digits: half by a pattern, a third by a pattern and then changed, the rest at random.
func (g generator) next() string {
	s := g.sources[g.IntN(len(g.sources))]
	var national []byte
	switch kind := g.IntN(12); {
	case kind < 10:
		national = g.match(nil, s.pattern)
		if kind >= 6 {
			national = g.change(national, s.prefix)
		}
	default:
		for range 3 + g.IntN(12) {
			national = append(national, g.digit())
		}
	}
	return "+" + s.code + string(national)
}

func (g generator) digit() byte { return byte('0' + g.IntN(10)) }

// change damages a number in one way in which numbers are damaged.
func (g generator) change(national []byte, prefix string) []byte {
	if len(national) == 0 {
		return append(national, g.digit())
	}
	at := g.IntN(len(national))
	switch g.IntN(5) {
	case 0:
		national[at] = g.digit()
	case 1:
		return slices.Delete(national, at, at+1)
	case 2:
		return slices.Insert(national, at, g.digit())
	case 3:
		return append([]byte(prefix), national...)
	case 4:
		other := g.IntN(len(national))
		national[at], national[other] = national[other], national[at]
	}
	return national
}

// match appends digits that the pattern matches.
func (g generator) match(dst []byte, re *syntax.Regexp) []byte {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			dst = append(dst, byte(r))
		}
	case syntax.OpCharClass:
		return append(dst, g.class(re.Rune))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			dst = g.match(dst, sub)
		}
	case syntax.OpAlternate:
		return g.match(dst, re.Sub[g.IntN(len(re.Sub))])
	case syntax.OpCapture:
		return g.match(dst, re.Sub[0])
	case syntax.OpQuest:
		if g.IntN(2) == 0 {
			return g.match(dst, re.Sub[0])
		}
	case syntax.OpStar, syntax.OpPlus:
		for range 1 + g.IntN(3) {
			dst = g.match(dst, re.Sub[0])
		}
	}
	return dst
}

func (g generator) class(ranges []rune) byte {
	var size rune
	for i := 0; i < len(ranges); i += 2 {
		size += ranges[i+1] - ranges[i] + 1
	}
	pick := g.Int32N(size)
	for i := 0; ; i += 2 {
		if width := ranges[i+1] - ranges[i] + 1; pick >= width {
			pick -= width
			continue
		}
		return byte(ranges[i] + pick)
	}
}

var fromLibraryType = map[phonenumbers.PhoneNumberType]LineType{
	phonenumbers.MOBILE:               Mobile,
	phonenumbers.FIXED_LINE:           FixedLine,
	phonenumbers.FIXED_LINE_OR_MOBILE: FixedOrMobile,
	phonenumbers.TOLL_FREE:            TollFree,
	phonenumbers.PREMIUM_RATE:         Premium,
	phonenumbers.SHARED_COST:          SharedCost,
	phonenumbers.VOIP:                 VoIP,
	phonenumbers.PAGER:                Pager,
	phonenumbers.UAN:                  UAN,
	phonenumbers.PERSONAL_NUMBER:      Personal,
	phonenumbers.VOICEMAIL:            Voicemail,
}

// newRand returns a repeatable source, so that a failure can be run again.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(2026, seed)) }
