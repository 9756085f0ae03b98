package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

const (
	// maxBody bounds the bodies of single acts and definitions.
	maxBody = 1 << 20
	// maxBatchBody bounds a batch: 10,000 acts with long texts.
	maxBatchBody = 32 << 20

	// bodyTime is how long a caller may take to send a body that is not streamed.
	bodyTime = 30 * time.Second
)

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
)

// mediaType returns a body's type among those that the route takes; a body without a type is taken for the first.
func mediaType(r *http.Request, accepted ...string) (string, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return "", problem(http.StatusUnsupportedMediaType, "unsupported_encoding", "Encoding not understood", "Content-Encoding", "Send the body as it is, without a Content-Encoding.")
	}
	header := r.Header.Get("Content-Type")
	if header == "" {
		return accepted[0], nil
	}
	got, _, err := mime.ParseMediaType(header)
	for _, t := range accepted {
		if err == nil && got == t {
			return t, nil
		}
	}
	return "", problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "Media type not understood", "Content-Type", "Send "+strings.Join(accepted, " or ")+".")
}

// readBody reads a whole body of limited size, in limited time.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	control := http.NewResponseController(w)
	// A writer that has no deadlines is one of a test's, or a proxy that keeps its own.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) //nolint:forbidigo // the network's time, no fact's
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &tooLarge):
		return body, err
	}
	return nil, bodyFault(err, "Nothing was changed; send it again.")
}

// decode reads one JSON value into v. It refuses what could be understood in two ways: fields that are not there, names
// that stand twice, broken UTF-8. Flaws are *Problem and repeat nothing of the values.
func decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return problem(http.StatusBadRequest, "invalid_utf8", "Broken UTF-8", "", fmt.Sprintf("The text is not valid UTF-8 at byte %d. Send UTF-8.", invalidAt(data)))
	}
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	return flaw(err)
}

func invalidAt(data []byte) int {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return len(data)
}

func flaw(err error) *Problem {
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case errors.As(err, &syntax) && errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		return unprocessable("duplicate_field", fieldPath(syntax.JSONPointer), "stands twice in one object: send it once")
	case errors.As(err, &syntax):
		return problem(http.StatusBadRequest, "invalid_json", "Not JSON", "", fmt.Sprintf("The body cannot be read as JSON at byte %d. Send one JSON object.", syntax.ByteOffset))
	case errors.As(err, &meaning):
		return wrongValue(meaning)
	}
	return problem(http.StatusBadRequest, "invalid_json", "Not JSON", "", "The body cannot be read as JSON. Send one JSON object.")
}

func wrongValue(e *json.SemanticError) *Problem {
	field := fieldPath(e.JSONPointer)
	var unknown *consent.UnknownNameError
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		return unprocessable("unknown_field", field, "is not a field here: leave it out, or correct its name")
	case errors.As(e.Err, &unknown):
		return unprocessable(act.CodeInvalidField, field, "want one of "+strings.Join(unknown.Known, ", "))
	case e.GoType == reflect.TypeFor[ledger.Time]():
		return unprocessable(act.CodeInvalidField, field, "want a time in RFC 3339, such as 2026-03-01T14:03:00Z")
	}
	return unprocessable(act.CodeInvalidField, field, "want "+wanted(e.GoType))
}

// wanted says in words what a field of this type takes.
func wanted(t reflect.Type) string {
	if t == nil {
		return "another value"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "text in quotes"
}

// unprocessable is the problem of a body that could be read and is wrong in one field.
func unprocessable(code, field, reason string) *Problem {
	return problem(http.StatusUnprocessableEntity, code, titles[code], field, reason)
}

var titles = map[string]string{
	act.CodeInvalidField:   "Field not valid",
	act.CodeMissingField:   "Field missing",
	act.CodeDuplicateID:    "Correlation id used twice",
	act.CodeInvalidNumber:  "Not a phone number",
	act.CodeUnknownBrand:   "Brand not defined",
	act.CodeUnknownPurpose: "Purpose not defined",
	"unknown_field":        "No such field",
	"duplicate_field":      "Field sent twice",
	"invalid_cursor":       "Cursor not valid",
}

// fieldPath writes a JSON pointer as people write paths: items[3].channel. Names that hold digits are shown without
// them, since a number in the wrong place must not come back in an error.
func fieldPath(p jsontext.Pointer) string {
	var path strings.Builder
	for token := range p.Tokens() {
		switch {
		case token != "" && len(token) <= 5 && strings.Trim(token, "0123456789") == "" && path.Len() > 0:
			path.WriteString("[" + token + "]")
			continue
		case path.Len() > 0:
			path.WriteByte('.')
		}
		path.WriteString(printable(token))
	}
	return path.String()
}

const longestName = 60

// printable is a name as an error may show it: short, in one line, and with nothing that could be a number's digits.
func printable(name string) string {
	if len(name) > longestName {
		name = name[:longestName]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '-' || r == '.' || r|0x20 >= 'a' && r|0x20 <= 'z':
			return r
		}
		return '#'
	}, name)
}

// hideNumbers replaces what could be a telephone number in the text of an error. The texts are made not to hold any;
// this holds even where a caller put a number in the place of a name.
func hideNumbers(text string) string {
	out := []byte(text)
	for i := 0; i < len(out); {
		end, digits := runOfDigits(out, i)
		if digits >= mayBeNumber {
			for j := i; j < end; j++ {
				out[j] = '#'
			}
		}
		i = max(end, i+1)
	}
	return string(out)
}

// mayBeNumber is how many digits make a number that a person could be reached at.
const mayBeNumber = 7

func runOfDigits(text []byte, at int) (end, digits int) {
	end = at
	for i := at; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
			end = i + 1
		case digits > 0 && (c == ' ' || c == '(' || c == ')'):
		default:
			return end, digits
		}
	}
	return end, digits
}
