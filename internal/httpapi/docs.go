package httpapi

import "net/http"

func (a *API) docsRoutes() {
	_ = http.MethodGet
}
