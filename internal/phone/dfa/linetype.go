package dfa

import "fmt"

// LineType is the kind of line behind a number as its numbering plan tells it; zero when the plan does not.
type LineType uint8

// The line types, in the words of libphonenumber; numbering plans such as +1 do not tell fixed from mobile.
const (
	Unknown LineType = iota
	Mobile
	FixedLine
	FixedOrMobile
	TollFree
	Premium
	SharedCost
	VoIP
	Pager
	UAN
	Personal
	Voicemail
)

var lineTypeNames = [...]string{
	Unknown:       "unknown",
	Mobile:        "mobile",
	FixedLine:     "fixed_line",
	FixedOrMobile: "fixed_or_mobile",
	TollFree:      "toll_free",
	Premium:       "premium",
	SharedCost:    "shared_cost",
	VoIP:          "voip",
	Pager:         "pager",
	UAN:           "uan",
	Personal:      "personal",
	Voicemail:     "voicemail",
}

// String returns the stable lower-case name, such as "mobile" or "fixed_or_mobile".
func (t LineType) String() string {
	if int(t) >= len(lineTypeNames) {
		return fmt.Sprintf("line_type(%d)", uint8(t))
	}
	return lineTypeNames[t]
}

// MarshalText writes the name that String returns; a value without a name is an error.
func (t LineType) MarshalText() ([]byte, error) {
	if int(t) >= len(lineTypeNames) {
		return nil, fmt.Errorf("line type %d has no name", uint8(t))
	}
	return []byte(lineTypeNames[t]), nil
}

// UnmarshalText reads a name that MarshalText wrote; any other text is an error.
func (t *LineType) UnmarshalText(text []byte) error {
	for i, name := range lineTypeNames {
		if name == string(text) {
			*t = LineType(i)
			return nil
		}
	}
	return fmt.Errorf("no line type is named %q", text)
}
