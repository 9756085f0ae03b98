package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/transfer"
)

// maxFile bounds a file of members; the largest national registry has about three quarters of it.
const maxFile = 4 << 30

// numberFile is a file of numbers that was read to its end.
type numberFile struct {
	region  string
	numbers []phone.Number
	bad     int
	first   int64  // the first bad row
	why     string // and what is wrong with it
}

// digest tells the file's content from others.
func (f *numberFile) digest() string {
	h := sha256.New()
	var b [8]byte
	for _, n := range f.numbers {
		binary.BigEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (f *numberFile) add(row int64, text string) {
	n, err := phone.Parse(text, f.region)
	if err != nil {
		f.refuse(row, err)
		return
	}
	f.numbers = append(f.numbers, n)
}

func (f *numberFile) refuse(row int64, err error) {
	if f.bad++; f.bad == 1 {
		f.first, f.why = row, err.Error()
	}
}

// readNumbers reads a body of numbers. One bad row refuses the file, since nobody could say whom it should have kept
// from being called.
func readNumbers(w http.ResponseWriter, r *http.Request, c call) (*numberFile, error) {
	media, err := mediaType(r, typeCSV, typeNDJSON)
	if err != nil {
		return nil, err
	}
	f := &numberFile{region: c.query("region")}
	body := newIdleReader(http.MaxBytesReader(w, r.Body, maxFile), http.NewResponseController(w))
	if media == typeNDJSON {
		err = f.readLines(body)
	} else {
		err = f.readCSV(body, c.query("column"))
	}
	var known *Problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known), errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, bodyFault(err, "Nothing was changed; send it again.")
	case f.bad > 0:
		return nil, unprocessable(act.CodeInvalidNumber, fmt.Sprintf("row %d", f.first), fmt.Sprintf("%s. Rows without a number: %d of %d. Nothing was changed.", f.why, f.bad, f.bad+len(f.numbers)))
	case len(f.numbers) == 0:
		return nil, unprocessable(act.CodeMissingField, "body", "holds no number: to empty a list, remove its members")
	}
	return f, nil
}

func (f *numberFile) readLines(body io.Reader) error {
	lines := transfer.NewLineReader(body, maxLine)
	for {
		l, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var text string
		if l.Flaws != 0 {
			f.refuse(l.Row, l.Err())
		} else if err := json.Unmarshal(l.Raw, &text); err != nil {
			f.refuse(l.Row, errors.New("want one number a line, in quotes"))
		} else {
			f.add(l.Row, text)
		}
	}
}

func (f *numberFile) readCSV(body io.Reader, asked string) error {
	rows := transfer.NewReader(body, transfer.Options{Fields: -1})
	header, err := rows.Header()
	if errors.Is(err, transfer.ErrNoHeader) {
		return nil
	}
	if err != nil {
		return err
	}
	column, isData, err := numberColumn(header, asked, f.region)
	if err != nil {
		return err
	}
	if isData {
		f.add(1, header[column])
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := row.Err(); err != nil {
			f.refuse(row.Row, err)
			continue
		}
		f.add(row.Row, string(row.Field(column)))
	}
}

// numberNames are the names by which a column of numbers is found, folded.
var numberNames = []string{
	"number", "phone", "phonenumber", "mobile", "mobilephone", "mobilenumber", "cell", "cellphone", "telephone", "telephonenumber", "tel",
	"msisdn", "e164", "phonee164", "to",
}

// numberColumn finds the column that holds the number: the one that was asked for, one with a usual name, or the only
// one. A file whose first row holds a number already has no header.
func numberColumn(header []string, asked, region string) (column int, isData bool, err error) {
	for i, cell := range header {
		if _, err := phone.Parse(cell, region); err == nil && asked == "" {
			return i, true, nil
		}
	}
	fold := func(s string) string {
		return strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	}
	if asked != "" {
		if column = slices.IndexFunc(header, func(h string) bool { return fold(h) == fold(asked) }); column < 0 {
			return 0, false, unprocessable(act.CodeInvalidField, "column", "is not the name of a column in the file's first row")
		}
		return column, false, nil
	}
	for _, name := range numberNames {
		if column = slices.IndexFunc(header, func(h string) bool { return fold(h) == name }); column >= 0 {
			return column, false, nil
		}
	}
	if len(header) == 1 {
		return 0, false, nil
	}
	return 0, false, unprocessable(act.CodeMissingField, "column", "is needed: no column has a name by which numbers are found, such as phone")
}
