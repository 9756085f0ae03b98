package transfer

import (
	"fmt"
	"slices"
	"strings"
)

// NoColumnError says why the column of the numbers could not be found in a header. Columns are those that could be it.
type NoColumnError struct {
	Asked   string   // the name that was given; empty when none was
	Columns []string // candidates, as the header spells them
}

func (e *NoColumnError) Error() string {
	switch {
	case e.Asked != "" && len(e.Columns) > 1:
		return "the header has the column that was named more than once: rename one"
	case e.Asked != "":
		return "the header has no column of the name that was given"
	case len(e.Columns) > 1:
		return fmt.Sprintf("several columns could hold the numbers (%s): name the one", strings.Join(e.Columns, ", "))
	}
	return "no column of the header is known to hold telephone numbers: name the one"
}

// usualNumberColumns are what files of no known dialect call the column, folded.
var usualNumberColumns = []string{
	"number", "phonenumber", "phone", "mobile", "mobilenumber", "mobilephone", "mobilephonenumber", "cell", "cellphone", "cellnumber",
	"telephone", "telephonenumber", "tel", "msisdn", "e164", "phonee164", "to", "recipient", "contactnumber", "smsnumber",
	"telefon", "telefonnummer", "handy", "handynummer", "mobil", "telephoneportable", "portable", "telefono", "movil", "celular",
	"telefoonnummer", "simi", "simanumer", "farsimi", "puhelin", "puhelinnumero",
}

// NumberColumn finds the column that holds the telephone numbers: the one of the given name, or else the one that some
// dialect, or people in general, call so. It fails with ErrHeaderIsData or *NoColumnError.
func NumberColumn(header []string, name string) (int, error) {
	if slices.ContainsFunc(header, looksLikeNumber) {
		return 0, ErrHeaderIsData
	}
	if name != "" {
		return theColumn(header, name, func(h string) bool { return fold(h) == fold(name) })
	}
	if d, err := Detect(header); err == nil {
		for _, st := range d.statements {
			if columns, err := st.bind(header); err == nil && columns[FieldNumber].key == "" {
				return columns[FieldNumber].index, nil
			}
		}
	}
	return theColumn(header, "", func(h string) bool { return slices.Contains(usualNumberColumns, fold(h)) || known.namesNumber(fold(h)) })
}

func theColumn(header []string, name string, is func(string) bool) (int, error) {
	e := &NoColumnError{Asked: name}
	at := 0
	for i, h := range header {
		if is(h) {
			e.Columns = append(e.Columns, h)
			at = i
		}
	}
	if len(e.Columns) != 1 {
		return 0, e
	}
	return at, nil
}

// namesNumber reports whether a dialect calls the column of the numbers so.
func (v *vocabulary) namesNumber(folded string) bool {
	for _, d := range v.dialects {
		for _, st := range d.statements {
			if slices.ContainsFunc(st.columns[FieldNumber], func(alias string) bool { return fold(alias) == folded }) {
				return true
			}
		}
	}
	return false
}

// CleanNumber takes off what exports and spreadsheets put around a number: quote marks, ="…", tel:, a fraction of
// zero. It reports false for a number that a spreadsheet has destroyed by rounding it.
func CleanNumber(text string) (string, bool) {
	number, destroyed := cleanNumber(text)
	return number, !destroyed
}
