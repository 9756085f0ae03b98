package portal

import (
	"context"
	"encoding/json"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// download is what the brand holds about the person. The number is masked: a link may have been passed on.
type download struct {
	Number  string           `json:"number"`
	Brand   string           `json:"brand"`
	MadeAt  ledger.Time      `json:"made_at"`
	Choices []downloadChoice `json:"choices"`
	History []downloadEvent  `json:"history"`
}

type downloadChoice struct {
	Purpose string         `json:"purpose"`
	Channel string         `json:"channel"`
	Status  consent.Status `json:"status"`
	Since   ledger.Time    `json:"since"`
}

type downloadEvent struct {
	Entry       uint64         `json:"entry"`
	Act         consent.Kind   `json:"act"`
	Purpose     string         `json:"purpose"`
	Channel     string         `json:"channel"`
	Source      consent.Source `json:"source"`
	EffectiveAt ledger.Time    `json:"effective_at"`
	RecordedAt  ledger.Time    `json:"recorded_at"`
	Wording     string         `json:"wording,omitempty"`
	Evidence    string         `json:"evidence,omitempty"`
}

func (p *portal) download(v *visit) error {
	h, err := p.holder(v)
	if err != nil {
		return err
	}
	out := download{Number: h.Number.Masked(), Brand: h.brand.Name, MadeAt: ledger.Time(p.Now()), Choices: []downloadChoice{}, History: []downloadEvent{}}
	for _, c := range p.choices(v, h) {
		out.Choices = append(out.Choices, downloadChoice{string(c.Scope.Purpose), c.Scope.Channel.String(), c.Status, ledger.Time(c.Since)})
	}
	err = p.history(v.Context(), h, func(e *ledger.Entry, a consent.Act) {
		words := ""
		if w, err := p.Catalog.Wording(a.Disclosure); err == nil {
			words = w.Text
		}
		out.History = append(out.History, downloadEvent{
			e.Seq, a.Kind, string(a.Scope.Purpose), a.Scope.Channel.String(), a.Source,
			ledger.Time(a.EffectiveAt), ledger.Time(e.RecordedAt), words, a.Evidence,
		})
	})
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="my-data.json"`)
	_, _ = v.w.Write(body) // a visitor who has left needs no error
	return nil
}

// history calls fn with the acts that concern the holder's brand, oldest first.
func (p *portal) history(ctx context.Context, h holder, fn func(*ledger.Entry, consent.Act)) error {
	const step = 500
	for after := uint64(0); ; {
		entries, err := p.Ledger.History(ctx, h.ID, after, step)
		if err != nil {
			return err
		}
		for i := range entries {
			after = entries[i].Seq
			if a, ok := entries[i].Act(); ok && h.concerns(a) {
				fn(&entries[i], a)
			}
		}
		if len(entries) < step {
			return nil
		}
	}
}
