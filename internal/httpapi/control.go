package httpapi

// controlRoutes are those whose bodies huma decodes and validates.
func (a *API) controlRoutes() {}
