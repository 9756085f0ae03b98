package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
)

// A request may last long after its key was accepted. What it then sends is read, and what it then asks for is told,
// only while the key is still in force.

// heldBody is a body that ends with access.ErrUnknownKey when its sender's key does.
type heldBody struct {
	io.ReadCloser
	gate   *access.Gate
	caller *access.Caller
}

func (a *API) held(body io.ReadCloser, caller *access.Caller) io.ReadCloser {
	if body == nil || body == http.NoBody || caller == access.Local {
		return body
	}
	return &heldBody{body, a.Gate, caller}
}

// Read looks at the key after it has waited for the sender, and drops what a key sent that has ended meanwhile.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if ended := b.gate.InForce(b.caller); ended != nil {
		return 0, ended
	}
	return n, err
}

// bodyFault returns the problem of a body that could not be read to its end.
func bodyFault(err error, remedy string) error {
	if errors.Is(err, access.ErrUnknownKey) || errors.Is(err, errUnconfirmed) {
		return err
	}
	return problem(http.StatusBadRequest, "body_incomplete", "Body incomplete", "", "The body ended early or took too long. "+remedy)
}

// breakOff ends an answer so that it does not pass for a whole one. The server would first wait for the rest of a body
// that its sender may hold open; nobody reads that any more.
func breakOff(control *http.ResponseController) {
	_ = control.SetReadDeadline(time.Unix(1, 0)) // a writer without deadlines belongs to a caller in this process
	panic(http.ErrAbortHandler)
}

// endedLine is the last line of a stream whose key has ended.
func endedLine(out []byte) []byte {
	return append(appendProblem(append(out, `{"problem":`...), known(access.ErrUnknownKey)), "}\n"...)
}

// endedEvent is the last event of a stream whose key has ended. It has no id, so the cursor stays where it was.
func endedEvent(out []byte) []byte {
	return append(appendProblem(append(out, "event: problem\ndata: "...), known(access.ErrUnknownKey)), "\n\n"...)
}
