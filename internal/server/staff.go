package server

import (
	"github.com/consentline/consentline/internal/credential"
	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/session"
	"github.com/consentline/consentline/internal/signon"
)

// openStaff makes what lets members of staff in.
func (s *Server) openStaff() (err error) {
	s.Sessions = session.New(s.db, s.Gate, s.Ledger, s.Now)
	s.People = people.New(s.Gate, s.Sessions, credential.New(s.db, s.Ledger, s.vault.StaffKey(), s.Now), s.Ledger)
	if s.config.SignOn != nil {
		s.SignOn, err = signon.New(*s.config.SignOn, s.db, s.vault.StaffKey(), s.Now)
	}
	return err
}
