package policy

import "time"

// Circumstances are what is known of a contact beside its number, its purpose and the consent. Whatever is left out is
// unknown, and what is unknown lifts no rule; nor does what happens after the moment asked about. Each is a claim of the
// caller, who must be able to show it.
type Circumstances struct {
	Contact Contact
	Sender  Sender
	Sector  Sector
	Line    Line
	Facts   Fact

	PurchasedAt    time.Time // the latest purchase or end of a contract
	InquiredAt     time.Time
	InboundAt      time.Time // the latest message or call from the person
	ConversationAt time.Time // the latest conversation held on the matter, beside those that were reported

	Place        Place
	DispatchZone DispatchZone

	// What caps count by beside the number and the brand, each unique within its kind to the caller; zero is unknown.
	Matter uint64
	Event  uint64

	// Asked are answers of registries about this very number, beside those of [Question.Registries].
	Asked []RegistryAnswer
}

// RegistryAnswer is what one registry answered about one number.
type RegistryAnswer struct {
	Registry RegistryID
	Listed   bool
	At       int64 // Unix seconds at which the registry's data was current
}

// merge fills what is unknown of the contact from what holds of all contacts of its kind: what a caller says of one
// contact is nearer than what is said of all.
func (c *Circumstances) merge(all *Circumstances) {
	if c.Sender == UnknownSender {
		c.Sender = all.Sender
	}
	if c.Sector == NoSector {
		c.Sector = all.Sector
	}
	if c.DispatchZone == 0 {
		c.DispatchZone = all.DispatchZone
	}
}

// answer returns the latest answer of a registry about the number; one that never came has the zero time. Of two
// answers of the same moment the one that lists counts.
func (r *Rules) answer(q *Question, id RegistryID) (listed bool, at int64) {
	now := q.At.Unix()
	if q.Registries != nil {
		listed, at = q.Registries.Answer(RegistryKey{r.registry[id].ID, q.Number, q.Seller, now})
	}
	for i := range q.Asked {
		a := &q.Asked[i]
		if a.Registry == id && a.At <= now && (a.At > at || a.At == at && a.Listed) {
			listed, at = a.Listed, a.At
		}
	}
	return listed, at
}

// ParseContact reads what a contact is for, such as consent_request; an empty word is an ordinary contact.
func ParseContact(s string) (Contact, error) {
	if s == "" {
		return Ordinary, nil
	}
	return contactWords.parse(s)
}

// ParseSender reads the kind of a sender, such as toll_free; an empty word is an unknown one.
func ParseSender(s string) (Sender, error) { return parseKnown(senderWords, s) }

// ParseSector reads the trade of what is offered, such as energy; an empty word is none that a rule names.
func ParseSector(s string) (Sector, error) { return parseKnown(sectorWords, s) }

// ParseLine reads the kind of a line, fixed or mobile; an empty word is an unknown one.
func ParseLine(s string) (Line, error) { return parseKnown(lineWords, s) }

// ParseFacts reads facts by their words, such as contract_in_force.
func ParseFacts(texts []string) (all Fact, err error) {
	for _, text := range texts {
		f, err := parseFact(text)
		if err != nil {
			return 0, err
		}
		all |= f
	}
	return all, nil
}

func parseKnown[E ~uint8](w words[E], s string) (E, error) {
	if s == "" {
		return 0, nil
	}
	return w.parse(s)
}

// RegistryByID returns the registry of the ID that packs give it, such as us.ndnc.
func (r *Rules) RegistryByID(id string) (RegistryID, bool) {
	i, known := r.registryOf[id]
	return i, known
}
