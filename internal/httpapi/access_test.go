package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/access"
)

// routePermissions names what each route asks for; empty: it is public. It stands here, apart from the code, so that a
// route that asks for less than it should is noticed.
var routePermissions = map[string]access.Permission{
	"POST /v1/consents":       access.RecordConsent,
	"POST /v1/consents/batch": access.RecordConsent,

	"POST /v1/lookups":                                    access.LookUp,
	"GET /v1/subjects/{subject}":                          access.LookUp,
	"GET /v1/subjects/{subject}/history":                  access.ReadHistory,
	"GET /v1/entries/{seq}":                               access.ReadEntries,
	"GET /v1/entries/{seq}/proof":                         access.ReadEntries,
	"GET /v1/changes":                                     access.ReadChanges,
	"GET /v1/export":                                      access.Export,
	"POST /v1/checks":                                     access.Check,
	"POST /v1/checks/batch":                               access.Check,
	"POST /v1/scrubs":                                     access.Scrub,
	"GET /v1/brands":                                      access.ReadCatalog,
	"GET /v1/brands/{brand}":                              access.ReadCatalog,
	"POST /v1/brands":                                     access.ChangeCatalog,
	"PUT /v1/brands/{brand}":                              access.ChangeCatalog,
	"PUT /v1/brands/{brand}/logo":                         access.ChangeCatalog,
	"GET /v1/destination-kinds":                           access.ReadDestinations,
	"GET /v1/destinations":                                access.ReadDestinations,
	"GET /v1/destinations/{destination}":                  access.ReadDestinations,
	"GET /v1/destinations/{destination}/status":           access.ReadDestinations,
	"GET /v1/destinations/{destination}/parked":           access.ReadDestinations,
	"POST /v1/destinations":                               access.ManageDestinations,
	"PUT /v1/destinations/{destination}":                  access.ManageDestinations,
	"DELETE /v1/destinations/{destination}":               access.ManageDestinations,
	"POST /v1/destinations/{destination}/pause":           access.ManageDestinations,
	"POST /v1/destinations/{destination}/resume":          access.ManageDestinations,
	"POST /v1/destinations/{destination}/backfill":        access.ManageDestinations,
	"POST /v1/destinations/{destination}/replay":          access.ManageDestinations,
	"POST /v1/destinations/{destination}/retry":           access.ManageDestinations,
	"POST /v1/destinations/{destination}/reconciliations": access.ManageDestinations,
	"GET /v1/destinations/{destination}/reconciliations":  access.ReadDestinations,
	"GET /v1/propagation":                                 access.ReadDestinations,
	"GET /v1/purposes":                                    access.ReadCatalog,
	"GET /v1/purposes/{purpose}":                          access.ReadCatalog,
	"POST /v1/purposes":                                   access.ChangeCatalog,
	"PUT /v1/purposes/{purpose}":                          access.ChangeCatalog,
	"GET /v1/senders":                                     access.ReadCatalog,
	"GET /v1/programmes":                                  access.ReadCatalog,
	"GET /v1/senders/{sender}":                            access.ReadCatalog,
	"GET /v1/programmes/{programme}":                      access.ReadCatalog,
	"POST /v1/senders":                                    access.ChangeCatalog,
	"POST /v1/programmes":                                 access.ChangeCatalog,
	"PUT /v1/senders/{sender}":                            access.ChangeCatalog,
	"PUT /v1/programmes/{programme}":                      access.ChangeCatalog,
	"GET /v1/disclosures":                                 access.ReadCatalog,
	"GET /v1/disclosures/{disclosure}":                    access.ReadCatalog,
	"POST /v1/disclosures":                                access.ChangeWording,
	"GET /v1/disclosures/{disclosure}/versions":           access.ReadCatalog,
	"POST /v1/disclosures/{disclosure}/versions":          access.ChangeWording,
	"GET /v1/disclosures/{disclosure}/versions/{version}": access.ReadCatalog,
	"GET /v1/lists":                                       access.ReadCatalog,
	"GET /v1/lists/{list}":                                access.ReadCatalog,
	"POST /v1/lists":                                      access.ChangeLists,
	"PUT /v1/lists/{list}":                                access.ChangeLists,
	"POST /v1/lists/{list}/members":                       access.ChangeLists,
	"PUT /v1/lists/{list}/members":                        access.ChangeLists,
	"GET /v1/keys":                                        access.ManageKeys,
	"GET /v1/keys/{key}":                                  access.ManageKeys,
	"POST /v1/keys":                                       access.ManageKeys,
	"DELETE /v1/keys/{key}":                               access.ManageKeys,
	"GET /v1/people":                                      access.ManagePeople,
	"GET /v1/people/{person}":                             access.ManagePeople,
	"POST /v1/people":                                     access.ManagePeople,
	"PUT /v1/people/{person}":                             access.ManagePeople,
	"POST /v1/people/{person}/link":                       access.ManagePeople,
	"POST /v1/people/{person}/sign-out":                   access.ManagePeople,
	"POST /v1/attempts":                                   access.ReportAttempts,
	"POST /v1/attempts/batch":                             access.ReportAttempts,
	"POST /v1/attempts/{attempt}/confirm":                 access.ReportAttempts,
	"POST /v1/attempts/{attempt}/release":                 access.ReportAttempts,
	"GET /v1/rules":                                       access.ReadCatalog,
	"POST /v1/rules/applicable":                           access.ReadCatalog,
	"GET /v1/rules/overrides":                             access.ReadCatalog,
	"PUT /v1/rules/overrides/{override}":                  access.ChangeRules,
	"DELETE /v1/rules/overrides/{override}":               access.ChangeRules,
	"GET /v1/rules/bans":                                  access.ReadCatalog,
	"PUT /v1/rules/bans/{ban}":                            access.ChangeRules,
	"DELETE /v1/rules/bans/{ban}":                         access.ChangeRules,
	"GET /v1/rules/relaxations":                           access.ReadCatalog,
	"PUT /v1/rules/relaxations/{relaxation}":              access.ChangeRules,
	"DELETE /v1/rules/relaxations/{relaxation}":           access.ChangeRules,
	"GET /v1/rules/declarations":                          access.ReadCatalog,
	"PUT /v1/rules/declarations/{declaration}":            access.ChangeRules,
	"DELETE /v1/rules/declarations/{declaration}":         access.ChangeRules,
	"GET /v1/rules/switches":                              access.ReadCatalog,
	"GET /metrics":                                        access.ReadMetrics,
	"POST /v1/optins":                                     access.RecordConsent,
	"GET /v1/optins/{optin}":                              access.RecordConsent,
	"POST /v1/optins/confirm":                             access.RecordConsent,
	"GET /v1/reviews":                                     access.ReadHistory,
	"POST /v1/reviews/{review}/decision":                  access.RecordConsent,

	"POST /v1/destinations/{destination}/inbound": "", // likewise
	"POST /v1/inbound/{provider}":                 "", // the provider's own signature is asked for

	"GET /healthz":            "",
	"GET /readyz":             "",
	"GET /v1/log/checkpoint":  "",
	"GET /v1/log/key":         "",
	"GET /v1/log/tile/{path}": "",
}

// TestEveryRouteAsksForItsPermission calls every documented route as every role and as nobody. A denied call leaves one
// entry, which names the caller and what they wanted.
func TestEveryRouteAsksForItsPermission(t *testing.T) {
	f := start(t)
	documented := map[string]bool{}
	for path, item := range load(t).Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+path] = true
		}
	}
	for route := range documented {
		if _, known := routePermissions[route]; !known {
			t.Errorf("%s is documented and nobody has said who may call it", route)
		}
	}
	for route, permission := range routePermissions {
		if !documented[route] {
			t.Errorf("%s is not documented", route)
		}
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{subject}", strings.Repeat("0", 32), "{seq}", "1", "{path}", "0/000.p/1", "{version}", "1").Replace(path)
		path = strings.NewReplacer("{", "", "}", "").Replace(path)
		if permission == "" {
			if a := f.do(request{method: method, path: path, as: "none"}); a.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s wants a key", route)
			}
			continue
		}
		f.do(request{method: method, path: path, as: "none", body: "{}"}).problem(401, "unauthenticated", "Authorization")
		for _, role := range access.Roles {
			before := f.head()
			a := f.do(request{method: method, path: path, as: string(role), body: "{}"})
			denied, n := a.StatusCode == http.StatusForbidden, f.denials(before)
			switch {
			case role.Includes(permission) && denied:
				t.Errorf("%s as %s: denied, though the role may %s", route, role, permission)
			case !role.Includes(permission) && (!denied || n != 1):
				t.Errorf("%s as %s: got %d and %d entries of a denial, want 403 and 1", route, role, a.StatusCode, n)
			}
		}
	}
}
