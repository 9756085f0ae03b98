package access

import (
	"slices"
	"strings"
)

// Role is what a caller is, and so what they may do.
type Role string

// The roles.
const (
	Admin      Role = "admin"
	Compliance Role = "compliance"
	Marketer   Role = "marketer"
	Agent      Role = "agent"
	Viewer     Role = "viewer"
	Sender     Role = "sender"
)

// Roles lists every role.
var Roles = []Role{Admin, Compliance, Marketer, Agent, Viewer, Sender}

// PeopleRoles lists the roles that people have; a sender is a system.
var PeopleRoles = []Role{Admin, Compliance, Marketer, Agent, Viewer}

// Permission is one thing that a role may include.
type Permission string

// The permissions. SeeNumbers lets answers hold numbers in full; without it they are masked.
const (
	RecordConsent  Permission = "record consent"
	ImportConsent  Permission = "import consent"
	LookUp         Permission = "look up a number"
	ReadHistory    Permission = "read a subject's history"
	Check          Permission = "check"
	Scrub          Permission = "scrub a file"
	ReadCatalog    Permission = "read brands, purposes, senders, disclosures and lists"
	ChangeCatalog  Permission = "change brands, purposes and senders"
	ChangeWording  Permission = "change disclosures"
	ChangeLists    Permission = "change suppression lists"
	ManageKeys     Permission = "manage keys"
	ReadChanges    Permission = "read the changefeed"
	Export         Permission = "export"
	SeeNumbers     Permission = "see numbers in full"
	ReadEntries    Permission = "read entries"
	ReportAttempts Permission = "report attempts"
	ReadMetrics    Permission = "read metrics"
	ChangeRules    Permission = "change the rules"
	ManagePeople   Permission = "manage people"

	ReadDestinations   Permission = "see what is kept in step"
	ManageDestinations Permission = "manage what is kept in step"
)

// Permissions lists every permission.
var Permissions = []Permission{
	RecordConsent, ImportConsent, LookUp, ReadHistory, Check, Scrub, ReadCatalog, ChangeCatalog, ChangeWording, ChangeLists,
	ManageKeys, ReadChanges, Export, SeeNumbers, ReadEntries, ReportAttempts, ReadMetrics, ChangeRules,
	ManagePeople, ReadDestinations, ManageDestinations,
}

var granted = map[Role][]Permission{
	Admin: Permissions,
	Compliance: {
		RecordConsent, ImportConsent, LookUp, ReadHistory, Check, Scrub, ReadCatalog, ChangeWording, ChangeLists,
		ReadChanges, Export, SeeNumbers, ReadEntries, ReadMetrics, ChangeRules, ReadDestinations,
	},
	Marketer: {ImportConsent, RecordConsent, Check, Scrub, ReadCatalog, ChangeWording, ReadChanges, LookUp, ReadDestinations},
	Agent:    {RecordConsent, LookUp, ReadHistory, Check, ReadCatalog, SeeNumbers},
	Viewer:   {LookUp, ReadHistory, Check, ReadCatalog, ReadChanges, ReadEntries},
	Sender:   {Check, Scrub, ReportAttempts},
}

// Includes reports whether the role may do this.
func (r Role) Includes(p Permission) bool { return slices.Contains(granted[r], p) }

func (r Role) known() bool { return slices.Contains(Roles, r) }

func rolesWith(p Permission) string {
	var out []string
	for _, r := range Roles {
		if r.Includes(p) {
			out = append(out, string(r))
		}
	}
	return strings.Join(out, " or ")
}
