package sync

import "errors"

// mostRefused is how many calls may be refused while none is taken, before the fault is sought elsewhere than in what
// they hold.
const mostRefused = 12

// Divide makes a call for n items and returns what became of each. The call is for the items from one index up to another
// and returns either an error for each of them or one for all. A call that is refused as a whole is made again for each
// half, so that one item that a system cannot read does not keep it from hearing of the others. When all are refused the
// fault is in what is common to them, which an operator can mend, so they are to be sent again.
func Divide(n int, call func(from, to int) ([]error, error)) []error {
	d := divided{call: call, errs: make([]error, n)}
	if err := d.send(0, n); err != nil {
		return Every(n, err)
	}
	return d.errs
}

type divided struct {
	call           func(from, to int) ([]error, error)
	errs           []error
	taken, refused int // calls
}

// send makes the call for a range. It returns an error when the system as a whole takes nothing.
func (d *divided) send(from, to int) error {
	if from >= to {
		return nil
	}
	errs, err := d.call(from, to)
	var refused *RefusedError
	switch {
	case err == nil:
		d.taken++
		copy(d.errs[from:to], errs)
		return nil
	case !errors.As(err, &refused):
		return err
	}
	d.refused++
	switch {
	case d.taken == 0 && d.refused >= mostRefused:
		return &LaterError{Code: refused.Code, Reason: "it refuses every call: " + refused.Reason, All: true}
	case to-from == 1:
		d.errs[from] = err
		return nil
	}
	middle := (from + to) / 2
	if err := d.send(from, middle); err != nil {
		return err
	}
	return d.send(middle, to)
}
