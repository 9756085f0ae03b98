package gateway

import "github.com/consentline/consentline/internal/consent"

// Settings are what an operator says of the gateways, as JSON.
type Settings struct {
	// FailOpen are the classes whose contacts go out although the check is stale: transactional, service_alert.
	FailOpen []consent.Class `json:"fail_open,omitempty"`

	// Schedule lets messages that quiet hours hold back be scheduled at Twilio for their end.
	Schedule bool `json:"schedule,omitempty"`

	// Callbacks lets us hear what becomes of messages that go out by the gateway for Twilio: their StatusCallback is ours
	// then, and relays to the application's.
	Callbacks bool `json:"callbacks,omitempty"`

	// Purposes tells what a message by SMPP is for by its service_type, where its sender has no purpose of its own.
	Purposes map[string]consent.PurposeID `json:"purposes,omitempty"`
}
