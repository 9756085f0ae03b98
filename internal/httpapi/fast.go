package httpapi

// fastRoutes are those whose bodies are decoded by hand, or that stream.
func (a *API) fastRoutes() {}
