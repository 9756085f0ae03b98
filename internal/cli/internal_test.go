package cli

import "net/http"

// InProcess is the transport to a handler in this process, for tests.
func InProcess(h http.Handler) http.RoundTripper { return inProcess{h} }
