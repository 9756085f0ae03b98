package check

// Item is one question of many, with the caller's name for it.
type Item struct {
	Request
	CorrelationID []byte // empty when the caller gave none; it holds as long as the other slices
}

// DecodeItem reads a JSON object as DecodeQuestion does, which may also have a correlation_id. When it fails, the
// correlation id is set if it stood before the flaw.
func DecodeItem(data []byte, it *Item) error {
	it.CorrelationID = nil
	it.Request = Request{Brand: defaultBrand, unescaped: it.unescaped[:0]}
	d := decoder{data: data, unescaped: it.unescaped}
	err := d.item(it)
	it.unescaped = d.unescaped
	if err != nil {
		return err
	}
	return nil
}

func (d *decoder) item(it *Item) *DecodeError {
	d.space()
	if !d.take('{') {
		return d.flaw("want a JSON object")
	}
	var seen, set field
	named := false
	d.space()
	for more := !d.take('}'); more; {
		if name, ok := d.correlation(); ok {
			if err := d.correlationID(it, name, &named); err != nil {
				return err
			}
		} else {
			f, null, err := d.member(&it.Request, seen)
			if err != nil {
				return err
			}
			seen |= f
			if !null {
				set |= f
			}
		}
		var err *DecodeError
		if more, err = d.more(); err != nil {
			return err
		}
	}
	if err := d.end(); err != nil {
		return err
	}
	return d.required(set)
}

const correlationName = "correlation_id"

// correlation passes over the member's name if it stands here, as nearly everybody spells it: without escapes.
func (d *decoder) correlation() (start int, ok bool) {
	start = d.at
	return start, d.literal(`"` + correlationName + `"`)
}

func (d *decoder) correlationID(it *Item, start int, named *bool) (err *DecodeError) {
	d.field = correlationName
	if *named {
		d.at = start
		return d.flaw(FlawTwice)
	}
	*named = true
	d.space()
	if !d.take(':') {
		return d.flaw("want a colon")
	}
	d.space()
	if d.literal("null") {
		return nil
	}
	start = d.at
	if it.CorrelationID, err = d.name(); err == nil && len(it.CorrelationID) > MaxCorrelationID {
		it.CorrelationID, d.at = nil, start
		return d.flaw("it is longer than 200 bytes")
	}
	return err
}

// MaxCorrelationID is the most bytes that a caller's name for a question may have.
const MaxCorrelationID = 200
