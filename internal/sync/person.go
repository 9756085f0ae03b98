package sync

import "encoding/hex"

// PersonIDDoc is what operators are told of the setting person_id.
const PersonIDDoc = "by what people are known there: number, their number in E.164, or subject, their subject ID here; number if none is given"

// PersonID returns by what a system knows the person of a change.
type PersonID func(*Change) string

// ReadPersonID reads the setting person_id, of systems that know people by an ID of the operator's choice.
func ReadPersonID(c *Config) (PersonID, error) {
	switch c.Setting("person_id", "number") {
	case "number":
		return func(c *Change) string { return c.Number.WithoutExtension().String() }, nil
	case "subject":
		return func(c *Change) string { return hex.EncodeToString(c.Subject[:]) }, nil
	}
	return nil, &InvalidError{"person_id", "want number or subject"}
}
