package reply

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// labelledSets are the files of testdata: the sample that the rules started from, then messages that were labelled before
// the code had seen them.
var labelledSets = []string{"sample.tsv", "sitting1.tsv", "sitting2.tsv", "sitting3.tsv", "sitting4.tsv", "sitting5.tsv", "sitting6.tsv", "sitting7.tsv", "sitting8.tsv", "sitting9.tsv", "sitting10.tsv", "sitting11.tsv", "sitting12.tsv", "sitting13.tsv", "sitting14.tsv", "sitting15.tsv", "sitting16.tsv", "sitting17.tsv", "sitting18.tsv", "sitting19.tsv", "sitting20.tsv", "sitting21.tsv", "sitting22.tsv", "sitting23.tsv", "sitting24.tsv", "sitting25.tsv", "sitting26.tsv", "sitting27.tsv", "sitting28.tsv", "sitting29.tsv"}

// labelled is one message of a set in testdata and what people say that it means.
type labelled struct {
	where    string
	want     Label
	ifAsked  bool // a grant only while a request is pending
	language string
	text     string
}

func readLabelled(t testing.TB, name string) []labelled {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []labelled
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		n++
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		cols := strings.SplitN(line, "\t", 3)
		if len(cols) != 3 {
			t.Fatalf("%s:%d: %d columns, want 3", name, n, len(cols))
		}
		label, ifAsked := strings.CutSuffix(cols[0], "?")
		out = append(out, labelled{
			where: fmt.Sprintf("%s:%d", name, n), want: Label(label), ifAsked: ifAsked, language: cols[1], text: unescape(cols[2]),
		})
	}
	return out
}

// unescape reads \n and \uXXXX, which keep invisible characters visible in the files.
func unescape(s string) string {
	s = strings.ReplaceAll(s, `\n`, "\n")
	for {
		i := strings.Index(s, `\u`)
		if i < 0 {
			return s
		}
		var r rune
		fmt.Sscanf(s[i+2:i+6], "%04x", &r)
		s = s[:i] + string(r) + s[i+6:]
	}
}

// score counts how a set of messages is read.
type score struct {
	outs, outsFound        int // messages that withdraw
	ordinary, alarms       int // messages that mean nothing for consent, and those read as a withdrawal
	held                   int // such messages read as ambiguous
	grants, grantsFound    int
	falseGrants            int
	ambiguous, ambiguousAs int // ambiguous messages, and those read so
	all, right             int
}

func (s *score) add(want, got Label) {
	s.all++
	if want == got {
		s.right++
	}
	switch want {
	case OptOut:
		s.outs++
		if got == OptOut {
			s.outsFound++
		}
	case None, Help:
		s.ordinary++
		switch got {
		case OptOut:
			s.alarms++
		case Ambiguous:
			s.held++
		}
	case OptIn:
		s.grants++
		if got == OptIn {
			s.grantsFound++
		}
	case Ambiguous:
		s.ambiguous++
		if got == Ambiguous {
			s.ambiguousAs++
		}
	}
	if got == OptIn && want != OptIn {
		s.falseGrants++
	}
}

func (s score) recall() float64    { return float64(s.outsFound) / float64(max(s.outs, 1)) }
func (s score) alarmRate() float64 { return float64(s.alarms) / float64(max(s.ordinary, 1)) }

func (s score) String() string {
	return fmt.Sprintf("right %d/%d, opt-out recall %d/%d (%.1f%%), false alarms %d/%d (%.1f%%), held %d, grants %d/%d, false grants %d, ambiguous %d/%d",
		s.right, s.all, s.outsFound, s.outs, 100*s.recall(), s.alarms, s.ordinary, 100*s.alarmRate(), s.held,
		s.grantsFound, s.grants, s.falseGrants, s.ambiguousAs, s.ambiguous)
}

// TestLabelledSets holds the reading of every set to the scores that the package promises.
func TestLabelledSets(t *testing.T) {
	for _, name := range labelledSets {
		t.Run(name, func(t *testing.T) {
			var sc score
			for _, l := range readLabelled(t, name) {
				got := Classify(Input{Text: l.text, Pending: true})
				sc.add(l.want, got.Label)
				if got.Label != l.want {
					t.Logf("%s %s %q: got %s (%s), want %s", l.where, l.language, l.text, got.Label, got.Rule, l.want)
				}
				unasked := Classify(Input{Text: l.text})
				if l.ifAsked && unasked.Label != None {
					t.Errorf("%s %q unasked: got %s, want none", l.where, l.text, unasked.Label)
				}
			}
			t.Log(sc)
			if sc.recall() < 0.97 || sc.alarmRate() > 0.03 || sc.falseGrants > 0 {
				t.Errorf("score below the promise: %v", sc)
			}
		})
	}
}
