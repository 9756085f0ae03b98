package httpapi

// routes lists what the interface serves: the routes that must be fast or are streamed, and those that huma decodes.
func (a *API) routes() {
	a.fastRoutes()
	a.controlRoutes()
}
