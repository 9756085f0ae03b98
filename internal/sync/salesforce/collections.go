package salesforce

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/consentline/consentline/internal/sync"
)

// maxRecords is how many records a call may hold.
const maxRecords = 200

// upsertAll writes records in calls of no more than are allowed, and returns what became of each.
func (s *connector) upsertAll(ctx context.Context, object, key string, records []record) ([]error, error) {
	var out []error
	for len(records) > 0 {
		n := min(maxRecords, len(records))
		errs, err := s.upsert(ctx, object, key, records[:n])
		if err != nil {
			return nil, err
		}
		out, records = append(out, errs...), records[n:]
	}
	return out, nil
}

func (s *connector) upsert(ctx context.Context, object, key string, records []record) ([]error, error) {
	token, err := s.tokens.Get(ctx)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(token.InstanceURL)
	if err != nil || base.Host == "" {
		return nil, &sync.LaterError{Code: "token", Reason: "the answer with the token does not say which instance to call", After: 5 * time.Minute, All: true}
	}
	address := base.JoinPath("services/data", s.version, "composite/sobjects", object, key).String()
	req, err := sync.JSON(ctx, http.MethodPatch, address, map[string]any{"allOrNone": false, "records": records})
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token.Access)
	answer, err := s.clients.Call(req)
	if err != nil {
		return nil, err
	}
	if answer.Status == http.StatusUnauthorized {
		s.tokens.Drop(token) // a session may end before its token says so
		return nil, &sync.LaterError{Code: "401", Reason: "the session has ended", All: true}
	}
	if err := answer.Judge(s.now()); err != nil {
		return nil, whole(&answer, err)
	}
	return judge(&answer, len(records))
}

type fault struct {
	StatusCode string   `json:"statusCode"` // of a record
	ErrorCode  string   `json:"errorCode"`  // of a call
	Fields     []string `json:"fields"`
}

// whole judges a call that failed altogether: its form is ours, and what it names is the operator's, so it says nothing
// of a single number.
func whole(answer *sync.Answer, judged error) error {
	refused, ok := judged.(*sync.RefusedError) //nolint:errorlint // as Judge returns it
	if !ok {
		return judged
	}
	later := &sync.LaterError{Code: refused.Code, Reason: "it does not take the call: look at the object, the external ID fields and the version", After: 5 * time.Minute, All: true}
	var faults []fault
	if answer.Decode(&faults) == nil && len(faults) > 0 && faults[0].ErrorCode != "" {
		later.Code = faults[0].ErrorCode
	}
	return later
}

// judge reads what became of each record, in order. A message is left out, since it may repeat a number.
func judge(answer *sync.Answer, n int) ([]error, error) {
	var told []struct {
		Success bool    `json:"success"`
		Errors  []fault `json:"errors"`
	}
	if err := answer.Decode(&told); err != nil {
		return nil, err
	}
	if len(told) != n {
		return nil, &sync.LaterError{Code: "answer", Reason: "it answers for another number of records", All: true}
	}
	out := make([]error, n)
	for i, r := range told {
		if !r.Success {
			out[i] = verdict(r.Errors)
		}
	}
	return out, nil
}

func verdict(faults []fault) error {
	if len(faults) == 0 {
		return &sync.LaterError{Code: "unsaid", Reason: "it says that it failed, and not why"}
	}
	f := faults[0]
	switch f.StatusCode {
	case "UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "ENTITY_IS_LOCKED", "TXN_SECURITY_METERING_ERROR", "UNKNOWN_EXCEPTION",
		"ALL_OR_NONE_OPERATION_ROLLED_BACK":
		return &sync.LaterError{Code: f.StatusCode, Reason: "the record could not be written at present"}
	case "REQUEST_LIMIT_EXCEEDED", "STORAGE_LIMIT_EXCEEDED":
		return &sync.LaterError{Code: f.StatusCode, Reason: "the account has reached a limit", After: 15 * time.Minute, All: true}
	}
	reason := "it does not take the record"
	if len(f.Fields) > 0 {
		reason += ": field " + f.Fields[0]
	}
	return &sync.RefusedError{Code: f.StatusCode, Reason: reason}
}
