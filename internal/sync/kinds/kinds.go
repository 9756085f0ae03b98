// Package kinds lists the kinds of destination. A new one is a folder and a line here.
package kinds

import (
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/attentive"
	"github.com/consentline/consentline/internal/sync/braze"
	"github.com/consentline/consentline/internal/sync/csvfile"
	"github.com/consentline/consentline/internal/sync/customerio"
	"github.com/consentline/consentline/internal/sync/dynamics"
	"github.com/consentline/consentline/internal/sync/hubspot"
	"github.com/consentline/consentline/internal/sync/identify"
	"github.com/consentline/consentline/internal/sync/iterable"
	"github.com/consentline/consentline/internal/sync/kafka"
	"github.com/consentline/consentline/internal/sync/klaviyo"
	"github.com/consentline/consentline/internal/sync/mailchimp"
	"github.com/consentline/consentline/internal/sync/nats"
	"github.com/consentline/consentline/internal/sync/onetrust"
	"github.com/consentline/consentline/internal/sync/postscript"
	"github.com/consentline/consentline/internal/sync/salesforce"
	"github.com/consentline/consentline/internal/sync/sinch"
	"github.com/consentline/consentline/internal/sync/twilio"
	"github.com/consentline/consentline/internal/sync/webhook"
)

// All are the kinds there are.
var All = []sync.Kind{
	attentive.Kind,
	braze.Kind,
	csvfile.Kind,
	customerio.Kind,
	dynamics.Kind,
	hubspot.Kind,
	iterable.Kind,
	kafka.Kind,
	klaviyo.Kind,
	mailchimp.Kind,
	nats.Kind,
	onetrust.Kind,
	postscript.Kind,
	identify.RudderStack,
	salesforce.Kind,
	identify.Segment,
	sinch.Kind,
	twilio.Kind,
	webhook.Kind,
}
