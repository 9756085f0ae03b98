package check

import (
	"fmt"
	"iter"

	"github.com/consentline/consentline/internal/phone"
)

// Staged are the members of a list that is still to be replaced. They take memory and no part in any answer.
type Staged struct {
	generation uint32
	lists      *Lists
}

// Stage gathers members, which for millions of them takes a while, during which every other change goes on.
func (l *Lists) Stage(members iter.Seq[phone.Number]) *Staged {
	l.mu.Lock()
	next := l.generation()
	l.mu.Unlock()
	for n := range members {
		if n != 0 {
			l.members.put(n, next, nil)
		}
	}
	return &Staged{next, l}
}

// Discard gives back the memory of members that no list was replaced by. Of a list's members it does nothing.
func (s *Staged) Discard() {
	l := s.lists
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live[s.generation] && l.current.Load().at(s.generation) == nil {
		l.forget(s.generation)
	}
}

// Replace defines a list and puts members in the place of those it had. Readers see all the old ones or all the new.
// It refuses members that were discarded, or replaced by others since: the list would be empty.
func (l *Lists) Replace(list List, members *Staged) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if list.ID == "" {
		return fmt.Errorf("replace suppression list: it has no id")
	}
	view := l.current.Load()
	old := view.lists[list.ID]
	mine := old != nil && old.generation == members.generation
	if members.lists != l || !l.live[members.generation] || (!mine && view.at(members.generation) != nil) {
		return fmt.Errorf("replace suppression list %q: its members were staged elsewhere, or are gone", list.ID)
	}
	l.publish(list.ID, &entry{&list, members.generation})
	if old != nil && !mine {
		l.forget(old.generation)
	}
	return nil
}
