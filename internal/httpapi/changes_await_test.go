package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/changefeed"
)

// leaving is a caller who leaves after some writes.
type leaving struct {
	*httptest.ResponseRecorder
	writes int
	leave  context.CancelFunc
}

func (l *leaving) Write(p []byte) (int, error) {
	if l.writes--; l.writes == 0 {
		l.leave()
	}
	return l.ResponseRecorder.Write(p)
}

func TestOnlyAStreamOfEventsShowsThatItLives(t *testing.T) {
	for kind, c := range map[string]struct {
		want    string
		patient time.Duration
	}{
		typeEvents: {": alive\n\n: alive\n\n", 10 * time.Second},
		typeNDJSON: {"", 30 * time.Millisecond},
	} {
		f := &following{api: &API{Config: Config{Feed: changefeed.New(7), Gate: access.New(nil, time.Now)}}, caller: access.Local, after: 7, beat: time.Millisecond}
		ctx, leave := context.WithTimeout(t.Context(), c.patient)
		w := &leaving{httptest.NewRecorder(), 2, leave}
		err := f.await(ctx, w, http.NewResponseController(w), kind)
		if !errors.Is(err, ctx.Err()) || ctx.Err() == nil || w.Body.String() != c.want {
			t.Errorf("%s: got %q, %v; want %q", kind, w.Body, err, c.want)
		}
		leave()
	}
}
