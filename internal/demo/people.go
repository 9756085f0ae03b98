package demo

import (
	"math/rand/v2"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// offer is one thing that a brand asks the people of a market to agree to.
type offer struct {
	brand   consent.BrandID
	purpose consent.PurposeID
	channel consent.Channel
	level   consent.Level
	weight  int
}

// market is a place with its numbers, its languages (ids of wordings by brand) and what is offered there.
type market struct {
	numbers []phone.Number
	offers  []offer
	wording func(*rand.Rand, consent.BrandID) string
}

// areaCodes are those of the sample in the North American plan; 202 is left to those who try things out.
var areaCodes = []phone.Number{
	206, 212, 213, 303, 305, 312, 313, 404, 415, 503, 512, 602, 612, 617,
	619, 702, 704, 713, 720, 801, 808, 816, 901, 904, 907, 913, 916, 919,
}

func markets() []market {
	return []market{america(), britain(), germany(), france(), sweden()}
}

func america() market {
	m := market{offers: []offer{
		{harbour, marketing, consent.SMS, consent.ExpressWritten, 6},
		{harbour, loyalty, consent.SMS, consent.ExpressWritten, 3},
		{harbour, orders, consent.SMS, consent.Express, 4},
		{harbour, marketing, consent.WhatsApp, consent.ExpressWritten, 1},
		{kestrel, collection, consent.VoiceAuto, consent.Express, 2},
		{kestrel, collection, consent.VoiceLive, consent.Express, 2},
	}}
	for _, code := range areaCodes {
		m.numbers = append(m.numbers, run(1_000_000_0000+code*1_000_0000+555_0100, 100)...)
	}
	m.wording = func(r *rand.Rand, b consent.BrandID) string {
		switch {
		case b == kestrel:
			return "kestrel-en"
		case r.IntN(6) == 0:
			return "harbour-es"
		}
		return "harbour-en"
	}
	return m
}

func britain() market {
	return market{
		numbers: run(44_7700_900000, 1000),
		offers: []offer{
			{northlight, marketing, consent.SMS, consent.SoftOptIn, 4},
			{northlight, outages, consent.SMS, consent.Implied, 4},
			{northlight, outages, consent.VoiceAuto, consent.Express, 1},
			{harbour, marketing, consent.SMS, consent.Express, 1},
		},
		wording: func(_ *rand.Rand, b consent.BrandID) string {
			if b == harbour {
				return "harbour-en"
			}
			return "northlight-en"
		},
	}
}

func germany() market {
	return market{
		numbers: append(run(49_171_39200_00, 100), run(49_30_23125_001, 200)...),
		offers:  clinic(),
		wording: always("lumen-de"),
	}
}

func france() market {
	return market{numbers: run(33_6_39_98_00_00, 800), offers: clinic(), wording: always("lumen-fr")}
}

func sweden() market {
	return market{numbers: run(46_70_174_06_05, 95), offers: clinic(), wording: always("lumen-sv")}
}

func clinic() []offer {
	return []offer{
		{lumen, appointments, consent.SMS, consent.Express, 5},
		{lumen, appointments, consent.WhatsApp, consent.Express, 3},
		{lumen, marketing, consent.SMS, consent.Express, 2},
		{lumen, appointments, consent.VoiceLive, consent.Express, 1},
	}
}

func always(id string) func(*rand.Rand, consent.BrandID) string {
	return func(*rand.Rand, consent.BrandID) string { return id }
}

func run(first phone.Number, n int) []phone.Number {
	out := make([]phone.Number, n)
	for i := range out {
		out[i] = first + phone.Number(i)
	}
	return out
}
