package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/messaging"
)

// maxCallback bounds a callback: a batch of long messages.
const maxCallback = 1 << 20

// InboundAnswer is what became of the events of one callback, for systems that read it. Providers that want another
// answer get that.
type InboundAnswer struct {
	Items []inbound.Taken `json:"items" doc:"One for each event, in their order."`
}

func (t *talk) inboundRoutes() {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		t.public(method+" /v1/inbound/{provider}", t.takeCallback)
	}
	o := operation{
		id: "inbound", tag: tagConversations, method: http.MethodPost, path: "/v1/inbound/{provider}",
		summary: "Take in a provider's callback",
		description: "Takes in messages from people, opt-outs that the provider keeps, and deactivated numbers. The callback proves itself by the provider's own " +
			"signature. It is answered when every act that follows from it is durable; the same callback again changes nothing.",
		params: []*huma.Param{pathParam("provider", "The provider's name: twilio, vonage, telnyx, plivo, sinch, infobip, bird, aws, whatsapp or generic.", "twilio")},
		errors: []int{http.StatusForbidden, http.StatusNotFound},
	}
	t.document(o, nil, reflect.TypeFor[InboundAnswer]())
}

// takeCallback verifies, reads and takes in a callback. Nothing is written before the signature has held.
func (t *talk) takeCallback(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("provider")
	receiver, ok := t.Conversations.Providers.Receiver(name)
	if !ok {
		return problem(http.StatusNotFound, "not_found", "Not found", "", "No provider is configured under this name.")
	}
	body, err := readBody(w, r, maxCallback)
	if err != nil {
		return err
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	delivery, err := receiver.Receive(messaging.Request{
		Method: r.Method, URL: t.Conversations.Providers.URL(scheme, r.Host, r.RequestURI), Header: r.Header, Body: body, At: t.API.Now(),
	})
	if err != nil {
		return conversed(w, err)
	}
	taken, err := t.Take(r.Context(), name, delivery.Events)
	if err != nil {
		return err
	}
	if delivery.After != nil {
		if err := delivery.After(); err != nil {
			return conversed(w, err)
		}
	}
	return answerCallback(w, delivery.Answer, taken)
}

func answerCallback(w http.ResponseWriter, a messaging.Answer, taken []inbound.Taken) error {
	if a.Status == 0 {
		body, err := json.Marshal(InboundAnswer{taken})
		if err != nil {
			return err
		}
		a = messaging.Answer{Status: http.StatusOK, Type: typeJSON, Body: string(body) + "\n"}
	}
	if a.Type != "" {
		w.Header().Set("Content-Type", a.Type)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write([]byte(a.Body)) // a provider that has gone sends the callback again
	return nil
}

// wholeSeconds writes a duration for Retry-After, rounded up.
func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
