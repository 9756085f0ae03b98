package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/suppression"
)

// MembersRequest adds numbers to a list and takes others from it, in one step.
type MembersRequest struct {
	Add    []string `json:"add,omitempty" maxItems:"10000" doc:"Numbers to put on the list."`
	Remove []string `json:"remove,omitempty" maxItems:"10000" doc:"Numbers to take from it."`
	Region string   `json:"region,omitempty" doc:"The ISO 3166-1 country of numbers that are written without a country code." example:"US"`
}

// MembersAnswer is what a change of members came to.
type MembersAnswer struct {
	List    List `json:"list" doc:"The list as it is now."`
	Added   int  `json:"added" doc:"How many numbers did not stand on it before."`
	Removed int  `json:"removed" doc:"How many numbers stood on it before and do not now."`
}

func (a *API) memberRoutes(id *huma.Param) {
	_, l := exampleList()
	l.Members = 1
	serve(a, operation{
		id: "changeMembers", tag: tagLists, method: http.MethodPost, path: "/v1/lists/{list}/members", permission: access.ChangeLists,
		summary: "Add and remove members", description: "Puts numbers on a list and takes others from it, up to 10,000 together, all or none. Checks are answered from after it when it is answered.",
		params: []*huma.Param{id, idempotencyParam()}, errors: []int{http.StatusNotFound},
		request: MembersRequest{Add: []string{"+12025550177"}}, answer: MembersAnswer{List: l, Added: 1},
	}, a.changeMembers)
	o := operation{
		id: "replaceMembers", tag: tagLists, method: http.MethodPut, path: "/v1/lists/{list}/members", permission: access.ChangeLists,
		summary: "Replace all members",
		description: "Puts a whole file in the place of a list's members, all or none: until it is answered, and if it breaks off, the old members stand. " +
			"The body is CSV, with or without a header row, or one number a line in JSON. One row that holds no number refuses the file.",
		params: []*huma.Param{
			id,
			queryParam("as_of", "The moment whose truth the file is; absent: now.", &huma.Schema{Type: huma.TypeString, Format: "date-time"}),
			queryParam("region", "The ISO 3166-1 country of numbers that are written without a country code.", &huma.Schema{Type: huma.TypeString}),
			queryParam("column", "The name of the CSV column that holds the number; absent: found by its name.", &huma.Schema{Type: huma.TypeString}),
			idempotencyParam(),
		},
		errors: []int{http.StatusNotFound}, answer: MembersAnswer{List: l, Added: 1, Removed: 1},
	}
	a.document(o, nil, reflect.TypeFor[MembersAnswer]())
	a.takesFiles(o, "phone\n+12025550177\n", "\"+12025550177\"\n")
	a.handle(o.method+" "+o.path, o.permission, func(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
		c, err := newCall(r, caller, map[string]bool{"as_of": true, "region": true, "column": true})
		if err != nil {
			return err
		}
		out, err := a.replaceMembers(w, r, c)
		if err != nil {
			return err
		}
		return send(a, w, r, o, out)
	})
}

func (a *API) changeMembers(ctx context.Context, c call, in *MembersRequest) (out reply[MembersAnswer], err error) {
	l, err := a.list(ctx, c, access.ChangeLists)
	if err != nil {
		return out, err
	}
	switch n := len(in.Add) + len(in.Remove); {
	case n == 0:
		return out, unprocessable(act.CodeMissingField, "add", "want at least one number to add or to remove")
	case n > maxBatch:
		return out, tooMany("add", "Send up to 10,000 numbers at once, or put a whole file in the list's place.")
	}
	add, err := numbers("add", in.Add, in.Region)
	if err != nil {
		return out, err
	}
	remove, err := numbers("remove", in.Remove, in.Region)
	if err != nil {
		return out, err
	}
	if i := firstInBoth(add, remove); i >= 0 {
		return out, unprocessable(act.CodeInvalidField, fmt.Sprintf("remove[%d]", i), "is to be added as well: send it once")
	}
	change, _, err := once(ctx, a, c, work[suppression.Change]{
		content: in, replay: listChange,
		do: func(ctx context.Context) (suppression.Change, error) {
			return a.Lists.Edit(ctx, c.ID, l.ID, add, remove)
		},
	})
	out.body = MembersAnswer{a.listOf(change.List), change.Added, change.Removed}
	return out, err
}

// numbers reads all of them, or tells which is none.
func numbers(field string, texts []string, region string) ([]phone.Number, error) {
	out := make([]phone.Number, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = phone.Parse(text, region); err != nil {
			return nil, unprocessable(act.CodeInvalidNumber, fmt.Sprintf("%s[%d]", field, i), err.Error())
		}
	}
	return out, nil
}

// firstInBoth returns where in b the first number stands that is in a as well, or -1.
func firstInBoth(a, b []phone.Number) int {
	in := make(map[phone.Number]bool, len(a))
	for _, n := range a {
		in[n] = true
	}
	for i, n := range b {
		if in[n] {
			return i
		}
	}
	return -1
}

// replaceMembers reads the whole file before it touches the list, so that a slow caller keeps nobody from changing lists.
func (a *API) replaceMembers(w http.ResponseWriter, r *http.Request, c call) (out reply[MembersAnswer], err error) {
	ctx := r.Context()
	l, err := a.list(ctx, c, access.ChangeLists)
	if err != nil {
		return out, err
	}
	asOf := a.Now()
	if text := c.query("as_of"); text != "" {
		var t ledger.Time
		if err := t.UnmarshalText([]byte(text)); err != nil {
			return out, unprocessable(act.CodeInvalidField, "as_of", "want a time in RFC 3339, such as 2026-03-01T14:03:00Z")
		}
		if asOf = zeroOr(&t); asOf.After(a.Now().Add(act.MaxSkew)) {
			return out, unprocessable(act.CodeInvalidField, "as_of", "is in the future: a file holds the truth of when it was made")
		}
	}
	file, err := readNumbers(w, r, c)
	if err != nil {
		return out, err
	}
	change, _, err := once(ctx, a, c, work[suppression.Change]{
		content: map[string]any{"as_of": c.query("as_of"), "numbers": file.digest()}, replay: listChange,
		do: func(ctx context.Context) (suppression.Change, error) {
			return a.putMembers(ctx, c, suppression.List{ID: l.ID, AsOf: ledger.Time(asOf)}, file.numbers)
		},
	})
	out.body = MembersAnswer{a.listOf(change.List), change.Added, change.Removed}
	return out, err
}

func (a *API) putMembers(ctx context.Context, c call, next suppression.List, members []phone.Number) (suppression.Change, error) {
	r, err := a.Lists.Replace(ctx, next.ID)
	if err != nil {
		return suppression.Change{}, err
	}
	defer r.Close()
	before, err := a.Lists.Get(next.ID)
	if err != nil {
		return suppression.Change{}, err
	}
	for len(members) > 0 {
		n := min(len(members), maxBatch)
		if err := r.Add(ctx, members[:n]...); err != nil {
			return suppression.Change{}, err
		}
		members = members[n:]
	}
	if err := a.Gate.InForce(c.Caller); err != nil { // a large file takes a while
		return suppression.Change{}, err
	}
	l, err := r.Commit(ctx, c.ID, time.Time(next.AsOf))
	return suppression.Change{List: l, Added: l.Members, Removed: before.Members, Replaced: true}, err
}
