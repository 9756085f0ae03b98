package check

// Code is why a verdict is what it is. Its name is stable: programs decide by it.
type Code uint8

// The codes, in the order of the gates. Those from LevelTooLow to Exempt come from the rules.
const (
	NoCode Code = iota
	InvalidNumber
	Stale
	UnknownBrand
	UnknownPurpose
	UnknownChannel
	Suppressed
	ListStale
	NoRecord
	Pending
	Refused
	Withdrawn
	Revoked
	Expired
	NotYetGranted
	LevelTooLow
	NotConfirmed
	OutsideWindow
	Holiday
	CapReached
	CoolDown
	RegistryStale
	RegistryListed
	ExpiredByRule
	Banned
	NoRule
	Exempt
	Granted
	codeCount
)

// codeTable is the one place where codes are named and explained. The texts must need no escaping in JSON.
var codeTable = [codeCount]struct{ name, text, remedy string }{
	NoCode:         {"", "", ""},
	InvalidNumber:  {"invalid_number", "The number is not a valid phone number.", "Send the number in E.164, with a plus sign and the country code."},
	Stale:          {"stale", "This node cannot prove that it knows the latest withdrawals.", "Ask again, or ask another node; if it lasts, look at the connection to the database."},
	UnknownBrand:   {"unknown_brand", "The brand is not defined.", "Define the brand, or correct its name in the question."},
	UnknownPurpose: {"unknown_purpose", "The purpose is not defined.", "Define the purpose with its class, or correct its name in the question."},
	UnknownChannel: {"unknown_channel", "The channel is not one that can be asked about.", "Ask about sms, whatsapp, voice_live or voice_auto."},
	Suppressed:     {"suppressed", "The number is on a suppression list.", "Do not contact it; only removal from the list changes this."},
	ListStale:      {"list_stale", "A suppression list that must be fresh is too old to rely on.", "Load the list again from its source."},
	NoRecord:       {"no_record", "Nobody has given consent for this number in this scope.", "Ask the person for consent."},
	Pending:        {"pending", "Consent was asked for and has not been given yet.", "Wait for the answer of the person."},
	Refused:        {"refused", "The person refused consent.", "Do not contact them; only a new grant of the person changes this."},
	Withdrawn:      {"withdrawn", "The person withdrew consent.", "Do not contact them; only a new grant of the person changes this."},
	Revoked:        {"revoked", "The consent was revoked on behalf of the person or the operator.", "Do not contact them; only a new grant of the person changes this."},
	Expired:        {"expired", "The consent has expired.", "Ask the person to renew it."},
	NotYetGranted:  {"not_yet_granted", "The consent was given later than the moment asked about.", "Ask about a moment after the consent."},
	LevelTooLow:    {"level_too_low", "The consent is weaker than the rule requires.", "Ask the person for consent of the level that the rule names."},
	NotConfirmed:   {"not_confirmed", "The rule requires a confirmed consent (double opt-in).", "Send the confirmation request and wait for the answer."},
	OutsideWindow:  {"outside_window", "The rule does not allow contact at this time of day.", "Try again at next_allowed_at."},
	Holiday:        {"holiday", "The rule does not allow contact on this day.", "Try again at next_allowed_at."},
	CapReached:     {"cap_reached", "The number was contacted as often as the rule allows.", "Try again at next_allowed_at."},
	CoolDown:       {"cool_down", "The rule asks to leave the person alone for a while.", "Try again at next_allowed_at."},
	RegistryStale:  {"registry_stale", "The registry that the rule requires was not consulted recently enough.", "Scrub against the registry again."},
	RegistryListed: {"registry_listed", "The number is on a registry that the rule requires to obey.", "Do not contact it for this purpose."},
	ExpiredByRule:  {"expired_by_rule", "The consent is older than the rule allows.", "Ask the person to renew it."},
	Banned:         {"banned", "The rule forbids this kind of contact.", "Use another channel, or do not contact."},
	NoRule:         {"no_rule", "No rule is known for the place of this number.", "Add a rule for the jurisdiction."},
	Exempt:         {"exempt", "The rule allows this contact without consent.", ""},
	Granted:        {"granted", "The person gave consent.", ""},
}

// String returns the stable name that the API uses; a code that does not exist has none.
func (c Code) String() string { return c.entry().name }

// Text says in an English sentence what the code means.
func (c Code) Text() string { return c.entry().text }

// Remedy says in an English sentence what would help; empty where nothing has to.
func (c Code) Remedy() string { return c.entry().remedy }

func (c Code) entry() (e struct{ name, text, remedy string }) {
	if c < codeCount {
		return codeTable[c]
	}
	return e
}

// Codes lists every code in the order of the gates.
func Codes() []Code {
	codes := make([]Code, 0, codeCount-1)
	for c := NoCode + 1; c < codeCount; c++ {
		codes = append(codes, c)
	}
	return codes
}
