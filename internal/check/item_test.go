package check

import (
	"errors"
	"strings"
	"testing"
)

func TestItemIsAQuestionWithAName(t *testing.T) {
	var it Item
	for _, data := range []string{
		`{"correlation_id":"row-1","number":"+12025550123","purpose":"offers","channel":"sms"}`,
		`{"number":"+12025550123","purpose":"offers","channel":"sms","correlation_id":"row-1"}`,
		`{"number":"+12025550123" , "correlation_id" : "row\u002d1","purpose":"offers","channel":"sms"}`,
	} {
		if err := DecodeItem([]byte(data), &it); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if string(it.CorrelationID) != "row-1" || string(it.Number) != "+12025550123" || string(it.Brand) != "default" {
			t.Errorf("%s: got %q, %q, %q", data, it.CorrelationID, it.Number, it.Brand)
		}
	}
	if err := DecodeItem([]byte(plainQuestion), &it); err != nil || len(it.CorrelationID) != 0 {
		t.Errorf("without a name: got %q, %v", it.CorrelationID, err)
	}
	if err := DecodeItem([]byte(`{"correlation_id":null,`+plainQuestion[1:]), &it); err != nil || len(it.CorrelationID) != 0 {
		t.Errorf("with a null name: got %q, %v", it.CorrelationID, err)
	}
}

func TestItemFlawsKeepTheNameThatStoodBefore(t *testing.T) {
	for data, want := range map[string]struct{ name, field, reason string }{
		`{"correlation_id":"a","nmber":1}`:                            {"a", "nmber", FlawUnknown},
		`{"correlation_id":"a","correlation_id":"b"}`:                 {"a", "correlation_id", FlawTwice},
		`{"correlation_id":null,"correlation_id":"b"}`:                {"", "correlation_id", FlawTwice},
		`{"correlation_id":""}`:                                       {"", "correlation_id", "it is empty"},
		`{"correlation_id":7}`:                                        {"", "correlation_id", "want a string"},
		`{"correlation_id" "a"}`:                                      {"", "correlation_id", "want a colon"},
		`{"correlation_id":"a"}`:                                      {"a", "number", FlawMissing},
		`{"correlation_id":"a","number":"+12025550123","number":"x"}`: {"a", "number", FlawTwice},
		`{"correlation_id":"a" "number":"+12025550123"}`:              {"a", "", "want a comma or the end of the object"},
		`{"correlation_id":"` + strings.Repeat("a", 201) + `"}`:       {"", "correlation_id", "it is longer than 200 bytes"},
		`[]`: {"", "", "want a JSON object"},
		`{"correlation_id":"a"` + "," + plainQuestion[1:] + "{}":        {"a", "", "want nothing behind the object"},
		`{"correlation_id":"` + strings.Repeat("a", 200) + `","at":"x"`: {strings.Repeat("a", 200), "at", "want a time in RFC 3339, such as 2026-01-31T12:00:00Z"},
	} {
		var it Item
		err := DecodeItem([]byte(data), &it)
		var flaw *DecodeError
		if !errors.As(err, &flaw) || flaw.Field != want.field || flaw.Reason != want.reason || string(it.CorrelationID) != want.name {
			t.Errorf("%.60s: got %q, %v; want %+v", data, it.CorrelationID, err, want)
		}
	}
}

func TestItemAgreesWithQuestion(t *testing.T) {
	for _, data := range []string{plainQuestion, `{}`, ` {"number":null}`, `{"number":"+1","purpose":"a","channel":"*"}`, `null`, ``, `{"a`, "{\"brand\":\"\xff\"}"} {
		var it Item
		var r Request
		itemErr, err := DecodeItem([]byte(data), &it), DecodeQuestion([]byte(data), &r)
		if (itemErr == nil) != (err == nil) || err != nil && itemErr.Error() != err.Error() {
			t.Errorf("%q: an item's error is %v, a question's %v", data, itemErr, err)
		}
		if string(it.Number) != string(r.Number) || string(it.Brand) != string(r.Brand) || it.Channel != r.Channel || it.MinRevision != r.MinRevision {
			t.Errorf("%q: an item reads as %+v, a question as %+v", data, it.Request, r)
		}
	}
}
