package sync

import (
	"time"

	"github.com/consentline/consentline/internal/ledger"
)

// Person is one subject with all that a batch means for them, for systems that are told of one person at a time.
type Person struct {
	Subject ledger.SubjectID
	Number  string // as systems know it that know no extensions
	Targets []Target
	Changes []*Change // that it comes from, oldest first
	of      []int
}

// People gathers what a batch means, person by person, in the order of the batch.
type People struct {
	All []Person
	n   int
}

// ByPerson gathers what a batch means for each person. Of a place that two changes speak of, a no stands.
func (m Mapping) ByPerson(changes []Change, at time.Time) People {
	out := People{n: len(changes)}
	known := map[ledger.SubjectID]int{}
	for i := range changes {
		targets := m.Targets(&changes[i], at)
		if len(targets) == 0 {
			continue
		}
		n, there := known[changes[i].Subject]
		if !there {
			n = len(out.All)
			known[changes[i].Subject] = n
			out.All = append(out.All, Person{Subject: changes[i].Subject, Number: changes[i].Number.WithoutExtension().String()})
		}
		p := &out.All[n]
		for _, t := range targets {
			p.add(t)
		}
		p.Changes, p.of = append(p.Changes, &changes[i]), append(p.of, i)
	}
	return out
}

func (p *Person) add(t Target) {
	for i := range p.Targets {
		if p.Targets[i].Value == t.Value {
			p.Targets[i].Granted = p.Targets[i].Granted && t.Granted
			return
		}
	}
	p.Targets = append(p.Targets, t)
}

// Errors returns for each change of the batch what became of the person whom it is of.
func (p *People) Errors(each []error) []error {
	out := make([]error, p.n)
	for i := range p.All {
		for _, n := range p.All[i].of {
			out[n] = each[i]
		}
	}
	return out
}
