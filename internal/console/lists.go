package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/suppression"
)

type listsPage struct {
	Items     []listRow
	Kinds     []string
	Choices   choices
	MayChange bool
}

// listRow is a list with what its age means.
type listRow struct {
	suppression.List
	Ends  time.Time // when it grows too old; zero for never
	Stale bool
	Days  int
}

func (s *console) listRow(l suppression.List) listRow {
	row := listRow{List: l, Days: int(l.MaxAge / (24 * time.Hour))}
	if l.MaxAge > 0 {
		row.Ends = time.Time(l.AsOf).Add(l.MaxAge)
		row.Stale = s.Now().After(row.Ends)
	}
	return row
}

func (s *console) lists(v *visit) error { return s.renderLists(v, http.StatusOK, form{}) }

func (s *console) renderLists(v *visit, status int, f form) error {
	page := listsPage{Kinds: suppression.Kinds, Choices: s.choices(v), MayChange: v.caller.Can(access.ChangeLists)}
	for _, l := range s.Lists.All() {
		if !l.Removed && (l.Brand == "" || v.caller.For(l.Brand)) {
			page.Items = append(page.Items, s.listRow(l))
		}
	}
	return s.render(v, status, "lists", view{Title: "Lists", Section: "/console/lists", Form: f, Page: page})
}

func (s *console) createList(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	l := suppression.List{
		ID: strings.TrimSpace(f.Value("id")), Name: strings.TrimSpace(f.Value("name")), Kind: f.Value("kind"),
		Brand: consent.BrandID(f.Value("brand")), Source: strings.TrimSpace(f.Value("source")), AsOf: ledger.Time(s.Now()),
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeLists, brandOrAny(l.Brand)); err != nil {
		return err
	}
	if l.MaxAge, err = maxAge(f.Value("max_age_days")); err == nil {
		_, err = s.Lists.Create(v.ctx(), v.caller.ID, l, s.Now())
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderLists(v, http.StatusUnprocessableEntity, f)
	}
	return v.done("/console/lists/"+l.ID, "saved")
}

const mostDays = 36_500

func maxAge(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	days, err := strconv.Atoi(text)
	if err != nil || days < 0 || days > mostDays {
		return 0, invalid("max_age_days", "want a number of days, or nothing for a list that does not age")
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

type listPage struct {
	listRow
	MayChange bool
	Said      string // what became of the numbers that were sent
}

func (s *console) list(v *visit) error { return s.renderList(v, http.StatusOK, form{}, "") }

func (s *console) renderList(v *visit, status int, f form, said string) error {
	l, err := s.visibleList(v)
	if err != nil {
		return err
	}
	page := listPage{listRow: s.listRow(l), MayChange: v.caller.Can(access.ChangeLists), Said: said}
	return s.render(v, status, "list", view{Title: l.Name, Section: "/console/lists", Form: f, Page: page})
}

func (s *console) visibleList(v *visit) (suppression.List, error) {
	l, err := s.Lists.Get(v.PathValue("id"))
	if err == nil && (l.Removed || l.Brand != "" && !v.caller.For(l.Brand)) {
		err = suppression.ErrNotFound
	}
	return l, err
}

// editList adds and removes numbers, all or none of them.
func (s *console) editList(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	l, err := s.visibleList(v)
	if err != nil {
		return err
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeLists, brandOrAny(l.Brand)); err != nil {
		return err
	}
	numbers, err := numbersIn(f.Value("numbers"), f.Value("region"))
	var change suppression.Change
	if err == nil {
		add, remove := numbers, []phone.Number(nil)
		if f.Value("do") == "remove" {
			add, remove = nil, numbers
		}
		change, err = s.Lists.Edit(v.ctx(), v.caller.ID, l.ID, add, remove)
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderList(v, http.StatusUnprocessableEntity, f, "")
	}
	return s.renderList(v, http.StatusOK, form{}, fmt.Sprintf("Sent %d numbers: %d added, %d removed; the others stood as asked already.", len(numbers), change.Added, change.Removed))
}

// numbersIn reads one number a line. What cannot be read is named by its line, never repeated.
func numbersIn(text, region string) ([]phone.Number, error) {
	var out []phone.Number
	for i, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		n, err := phone.Parse(line, region)
		var bad *phone.InvalidError
		if errors.As(err, &bad) {
			return nil, invalid("numbers", fmt.Sprintf("line %d: %s Nothing was changed.", i+1, bad.Error()))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		return nil, invalid("numbers", "write one number a line")
	}
	return out, nil
}
