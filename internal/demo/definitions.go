package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/server"
)

const (
	harbour    consent.BrandID = "harbour-coffee"
	northlight consent.BrandID = "northlight-energy"
	lumen      consent.BrandID = "lumen-clinic"
	kestrel    consent.BrandID = "kestrel-credit"
)

var brands = []catalog.Brand{
	{ID: harbour, Name: "Harbour Coffee Roasters", Country: "US", Contact: "hello@harbour-coffee.example", Colour: "#7a3e1d", Site: "https://harbour-coffee.example", Privacy: "https://harbour-coffee.example/privacy", Terms: "https://harbour-coffee.example/terms"},
	{ID: northlight, Name: "Northlight Energy", Country: "GB", Contact: "care@northlight-energy.example", Colour: "#1d3f7a"},
	{ID: lumen, Name: "Lumen Clinic", Country: "DE", Contact: "praxis@lumen-clinic.example", Colour: "#0b6e5f", Privacy: "https://lumen-clinic.example/datenschutz"},
	{ID: kestrel, Name: "Kestrel Credit Services", Country: "US", Contact: "disputes@kestrel-credit.example"},
}

// offers is the form by which newcomers try out opting in: a code goes into the file of messages and confirms.
var offers = form.Form{
	ID: "harbour-offers", Brand: harbour, Region: "US", Confirm: true,
	Items: []form.Item{{Purpose: marketing, Channel: consent.SMS, Wordings: []string{"harbour-en", "harbour-es"}}},
}

const (
	marketing    consent.PurposeID = "marketing"
	loyalty      consent.PurposeID = "loyalty"
	orders       consent.PurposeID = "order_updates"
	appointments consent.PurposeID = "appointments"
	outages      consent.PurposeID = "outages"
	collection   consent.PurposeID = "collection"
)

var purposes = []catalog.Purpose{
	{ID: loyalty, Name: "Loyalty club", Class: consent.Marketing, Description: "Points, birthdays and offers for members"},
	{ID: orders, Name: "Order updates", Class: consent.Transactional, Description: "Where an order is, and receipts"},
	{ID: appointments, Name: "Appointments", Class: consent.Transactional, Description: "Reminders of visits, and changes to them"},
	{ID: outages, Name: "Outages", Class: consent.ServiceAlert, Description: "Power cuts, planned and not"},
	{ID: collection, Name: "Collection", Class: consent.DebtCollection, Description: "Debts that are due"},
}

var senders = []catalog.Sender{
	{ID: "harbour-short-code", Brand: harbour, Kind: "short_code", Address: "55501", Channel: consent.SMS, Purpose: marketing},
	{ID: "harbour-number", Brand: harbour, Kind: "number", Address: "+12125550100", Channel: consent.SMS, Purpose: orders},
	{ID: "northlight-alerts", Brand: northlight, Kind: "alphanumeric", Address: "NORTHLIGHT", Channel: consent.SMS},
	{ID: "lumen-whatsapp", Brand: lumen, Kind: "whatsapp_number", Address: "+493023125000", Channel: consent.WhatsApp},
	{ID: "kestrel-dialler", Brand: kestrel, Kind: "number", Address: "+13125550100", Channel: consent.VoiceAuto, Purpose: collection},
}

// wording is a disclosure in one language; its versions came into use at even steps over the two years.
type wording struct {
	id, language string
	brand        consent.BrandID
	texts        []string
}

var wordings = []wording{
	{"harbour-en", "en-US", harbour, []string{
		"Text me offers from Harbour Coffee.",
		"By ticking this box I agree to receive recurring marketing texts from Harbour Coffee at the number I gave. Consent is not a condition of purchase. Message and data rates may apply. Reply STOP to end, HELP for help.",
		"By ticking this box I agree to receive recurring automated marketing texts from Harbour Coffee Roasters at the number I gave. Consent is not a condition of any purchase. Up to 6 messages a month. Message and data rates may apply. Reply STOP to end, HELP for help. Terms: harbour-coffee.example/terms",
	}},
	{"harbour-es", "es-US", harbour, []string{
		"Al marcar esta casilla acepto recibir mensajes promocionales automáticos de Harbour Coffee en mi número. No es condición de compra. Pueden aplicarse tarifas de mensajes y datos. Responda ALTO para terminar.",
		"Al marcar esta casilla acepto recibir mensajes promocionales automáticos y periódicos de Harbour Coffee Roasters en mi número. No es condición de ninguna compra. Hasta 6 mensajes al mes. Pueden aplicarse tarifas. Responda ALTO para terminar o AYUDA para ayuda.",
	}},
	{"northlight-en", "en-GB", northlight, []string{
		"Tell me by text about offers and about power cuts where I live. I can stop at any time by replying STOP.",
		"Northlight Energy may text me its own offers on energy and heating, and warnings of power cuts. I can stop either at any time by replying STOP or in my account.",
	}},
	{"lumen-de", "de-DE", lumen, []string{
		"Ich möchte per SMS oder WhatsApp an meine Termine erinnert werden. Ich kann das jederzeit widerrufen.",
		"Ich willige ein, dass die Lumen-Praxis mich per SMS oder WhatsApp an Termine erinnert und mir Neues aus der Praxis schickt. Ich kann die Einwilligung jederzeit mit Wirkung für die Zukunft widerrufen, etwa mit STOPP.",
	}},
	{"lumen-fr", "fr-FR", lumen, []string{
		"J'accepte de recevoir par SMS ou WhatsApp les rappels de mes rendez-vous à la clinique Lumen. Je peux retirer mon accord à tout moment en répondant STOP.",
		"J'accepte que la clinique Lumen m'envoie par SMS ou WhatsApp des rappels de rendez-vous et ses actualités. Je peux retirer mon accord à tout moment en répondant STOP.",
	}},
	{"lumen-sv", "sv-SE", lumen, []string{
		"Jag vill få påminnelser om mina besök hos Lumen via sms. Jag kan när som helst säga nej genom att svara STOPP.",
	}},
	{"kestrel-en", "en-US", kestrel, []string{
		"You may call me at this number, also with an automatic dialler or a recorded voice, about my account with Kestrel Credit Services.",
	}},
}

// define makes what the acts refer to. What an earlier load has made stays.
func define(ctx context.Context, s *server.Server, until time.Time) error {
	for _, b := range brands {
		if _, err := s.Catalog.CreateBrand(ctx, caller.ID, b); err != nil && !errors.Is(err, catalog.ErrExists) {
			return fmt.Errorf("brand %s: %w", b.ID, err)
		}
	}
	for _, p := range purposes {
		if _, err := s.Catalog.CreatePurpose(ctx, caller.ID, p); err != nil && !errors.Is(err, catalog.ErrExists) {
			return fmt.Errorf("purpose %s: %w", p.ID, err)
		}
	}
	for _, w := range wordings {
		if err := w.define(ctx, s, until); err != nil {
			return fmt.Errorf("disclosure %s: %w", w.id, err)
		}
	}
	if err := s.Forms.Create(ctx, caller.ID, offers); err != nil && !errors.Is(err, form.ErrExists) {
		return fmt.Errorf("form %s: %w", offers.ID, err)
	}
	return nil
}

func (w wording) define(ctx context.Context, s *server.Server, until time.Time) error {
	have := 0
	if d, err := s.Catalog.Disclosure(w.id); err == nil {
		have = len(d.Versions)
	}
	for v := have; v < len(w.texts); v++ {
		version := catalog.Wording{Language: w.language, Text: w.texts[v]}
		var err error
		if v == 0 {
			_, err = s.Catalog.CreateDisclosure(ctx, caller.ID, catalog.Disclosure{ID: w.id, Brand: w.brand}, version, w.since(v, until))
		} else {
			_, err = s.Catalog.AddVersion(ctx, caller.ID, w.id, version, w.since(v, until))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// since is when a version, counted from 0, came into use.
func (w wording) since(v int, until time.Time) time.Time {
	from := until.AddDate(-span, 0, 0)
	return from.Add(until.Sub(from) * time.Duration(v) / time.Duration(len(w.texts)))
}

// at returns the reference of the version that was in use at a moment.
func (w wording) at(t, until time.Time) consent.DisclosureRef {
	ref := consent.DisclosureRef{ID: w.id, Version: 1}
	for v := 1; v < len(w.texts) && !t.Before(w.since(v, until)); v++ {
		ref.Version = v + 1
	}
	return ref
}

// list is a suppression list of the sample.
type list struct {
	id, name, kind, source string
	brand                  consent.BrandID
	age, maxAge            time.Duration
	each                   int // one person in so many stands on it
}

const day = 24 * time.Hour

// The list with a maximum age holds for one brand: once it is too old it denies that brand every contact, which is
// there to be seen, and leaves the others alone.
var lists = []list{
	{id: "do-not-contact", name: "Do not contact", kind: "own", source: "customer care", each: 60},
	{id: "us-national-registry", name: "National Do Not Call Registry", kind: "national_registry", source: "monthly download", brand: kestrel, age: 12 * day, maxAge: 31 * day, each: 25},
	{id: "reassigned-numbers", name: "Reassigned numbers", kind: "reassigned", source: "monthly query", age: 9 * day, each: 120},
	{id: "litigants", name: "Known litigants", kind: "litigant", source: "counsel", each: 250},
}
