package server

import (
	"io"

	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/optin"
)

// Settings is the file that configures the providers of messages and all that is said through them.
type Settings struct {
	providers.Config
	OptIn   optin.Settings   `json:"optin,omitzero"`
	Gateway gateway.Settings `json:"gateway,omitzero"`
	Words   Words            `json:"words,omitzero"`
}

// ReadSettings reads the file. Members that are not known are errors.
func ReadSettings(r io.Reader) (s Settings, err error) {
	err = providers.Decode(r, &s)
	return s, err
}
