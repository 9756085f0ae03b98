package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrHeaderIsData means that the first row looks like data, a telephone number in it, and not like column names.
var ErrHeaderIsData = errors.New("the first row looks like data, not like column names: add a header row")

// UnknownHeaderError means that no dialect fits a file's header. NoConsent names the dialect that wrote the file when
// it is known, but the columns that would state consent for telephone numbers are not among those exported.
type UnknownHeaderError struct{ NoConsent string }

func (e *UnknownHeaderError) Error() string {
	if e.NoConsent != "" {
		return fmt.Sprintf("this looks like a %s export, but no column states consent for a telephone number: export those columns too, or say which ones they are with a column map", e.NoConsent)
	}
	return "no known export has these columns: say which column is which with a column map, at least number and status"
}

// AmbiguousHeaderError means that the header fits several dialects about equally well; the caller must name one.
type AmbiguousHeaderError struct{ Candidates []string }

func (e *AmbiguousHeaderError) Error() string {
	return fmt.Sprintf("these columns could be those of %s: name the one it is", strings.Join(e.Candidates, " or "))
}

// Detect finds the dialect of a header; *UnknownHeaderError or *AmbiguousHeaderError when that is not certain.
func Detect(header []string) (*Dialect, error) {
	if slices.ContainsFunc(header, looksLikeNumber) {
		return nil, ErrHeaderIsData
	}
	type candidate struct {
		dialect *Dialect
		score   int
	}
	var fits []candidate
	unknown := &UnknownHeaderError{}
	for _, d := range known.dialects {
		score, states := d.score(header)
		switch {
		case score > 0 && states:
			fits = append(fits, candidate{d, score})
		case score >= 2*markWeight && unknown.NoConsent == "":
			unknown.NoConsent = d.Name
		}
	}
	if len(fits) == 0 {
		return nil, unknown
	}
	slices.SortStableFunc(fits, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	near := &AmbiguousHeaderError{}
	for _, c := range fits {
		if c.score*10 >= fits[0].score*9 { // within a tenth of the best
			near.Candidates = append(near.Candidates, c.dialect.Name)
		}
	}
	if len(near.Candidates) > 1 {
		return nil, near
	}
	return fits[0].dialect, nil
}

const markWeight = 3

// score counts the headers that speak for the dialect, its marks thrice; states says that a row of it would state a
// consent. Without any mark, or without a header that the dialect never lacks, the score is zero.
func (d *Dialect) score(header []string) (score int, states bool) {
	folded := foldAll(header)
	for _, h := range d.all {
		if !slices.Contains(folded, h) {
			return 0, false
		}
	}
	marks := 0
	for _, h := range d.marks {
		if slices.Contains(folded, h) {
			marks++
		}
	}
	if marks == 0 {
		return 0, false
	}
	used := map[int]bool{}
	for _, st := range d.statements {
		columns, err := st.bind(header)
		if err != nil {
			continue
		}
		states = true
		for _, c := range columns {
			used[c.index] = true
		}
	}
	return marks*markWeight + len(used), states
}

// looksLikeNumber reports whether a cell is a telephone number rather than the name of a column.
func looksLikeNumber(cell string) bool {
	number, destroyed := cleanNumber(cell)
	return destroyed || digits(number) >= 7 && strings.Trim(number, "+0123456789 ().-/") == ""
}
