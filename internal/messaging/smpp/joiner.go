package smpp

import (
	"context"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

// Joiner puts the parts of long messages together. It is safe for concurrent use.
type Joiner struct {
	Now func() time.Time

	mu      sync.Mutex
	waiting map[joinKey]*joining

	tidying sync.Mutex
	late    []messaging.Event // given up, and not taken in yet; under tidying
}

type joinKey struct {
	source, destination string
	reference           uint16
	total               byte
}

type joining struct {
	since time.Time
	parts map[byte]Part
}

const (
	// joinTime is how long parts wait for the others. What comes of a message whose rest is lost is read as it is.
	joinTime = 3 * time.Minute
	// maxJoining bounds how many messages wait; the oldest is read as it is to make room.
	maxJoining = 10_000
)

// Joined is a message whose parts have come, or will not come any more.
type Joined struct {
	Source, Destination string
	Text                string
	Whole               bool
}

// Add takes in one short message, and returns the messages that are complete now, or given up.
func (j *Joiner) Add(s *Short) ([]Joined, error) {
	p, err := s.Part()
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.expire()
	if p.Total == 1 {
		return append(out, Joined{s.Source.Number, s.Destination.Number, Decode(p.Coding, p.Data), true}), nil
	}
	if j.waiting == nil {
		j.waiting = map[joinKey]*joining{}
	}
	key := joinKey{s.Source.Number, s.Destination.Number, p.Reference, p.Total}
	w := j.waiting[key]
	if w == nil {
		w = &joining{since: j.Now(), parts: map[byte]Part{}}
		j.waiting[key] = w
	}
	w.parts[p.Sequence] = p
	if len(w.parts) == int(p.Total) {
		delete(j.waiting, key)
		out = append(out, w.join(key))
	}
	return out, nil
}

// Expire returns the messages whose rest has not come in time.
func (j *Joiner) Expire() []Joined {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.expire()
}

// Tidy lets messages be taken in whose rest has not come in time: what there is of them may say STOP. Those that cannot
// be taken in are tried again the next time. Run it every minute.
func (j *Joiner) Tidy(ctx context.Context, deliver func(context.Context, []messaging.Event) error) error {
	j.tidying.Lock()
	defer j.tidying.Unlock()
	j.late = append(j.late, eventsOf(j.Expire())...)
	if len(j.late) == 0 {
		return nil
	}
	if err := deliver(ctx, j.late); err != nil {
		return err
	}
	j.late = nil
	return nil
}

// expire gives up what has waited too long. The caller holds mu.
func (j *Joiner) expire() (out []Joined) {
	limit := j.Now().Add(-joinTime)
	for key, w := range j.waiting {
		if !w.since.After(limit) || len(j.waiting) >= maxJoining {
			delete(j.waiting, key)
			out = append(out, w.join(key))
		}
	}
	return out
}

func (w *joining) join(key joinKey) Joined {
	var data []byte
	coding := byte(0)
	for i := 1; i <= int(key.total); i++ {
		if p, ok := w.parts[byte(i)]; ok {
			data, coding = append(data, p.Data...), p.Coding
		}
	}
	return Joined{key.source, key.destination, Decode(coding, data), len(w.parts) == int(key.total)}
}
