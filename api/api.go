// Package api carries the OpenAPI 3.1 document of the REST interface. The document is emitted from the types of package
// httpapi, whose test holds the two equal; nobody edits it.
package api

import _ "embed"

//go:generate go test ../internal/httpapi -run TestTheDocumentIsTheOneThatIsCommitted -update

// OpenAPI is the document, in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
