package httpapi

import (
	"net/http"

	"github.com/consentline/consentline/internal/access"
)

func (a *API) postScrub(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	return nil
}
