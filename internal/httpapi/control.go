package httpapi

import (
	"net/http"
	"strings"
)

// controlRoutes are those that are documented, decoded and encoded by serve, and what tells of all routes.
func (a *API) controlRoutes() {
	a.consentRoutes()
	a.consentBatchRoutes()
	a.lookupRoutes()
	a.entryRoutes()
	a.definitionRoutes()
	a.disclosureRoutes()
	a.listRoutes()
	a.keyRoutes()
	a.peopleRoutes()
	a.ruleRoutes()
	a.attemptRoutes()
	a.exportRoutes()
	a.documentFast()
	a.docsRoutes()
	a.mux.HandleFunc("/", a.noRoute)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}

// noRoute answers what no route takes: paths that are not there, and paths that take other methods.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range methods {
		other := *r
		other.Method = m
		if _, pattern := a.mux.Handler(&other); pattern != "/" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		a.writeProblem(w, r, problem(http.StatusNotFound, "not_found", "Not found", "", "There is nothing at this path: see /docs for what there is."))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	a.writeProblem(w, r, problem(http.StatusMethodNotAllowed, "method_not_allowed", "Method not allowed", "", "This path takes "+strings.Join(allowed, " and ")+"."))
}
