package attachment

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// Room bounds the bytes of uploads that are in memory at once, of all users and of each.
type Room struct {
	total, perUser int

	mu    sync.Mutex
	used  int
	users map[uuid.UUID]int
	// left is closed, and replaced, when somebody leaves.
	left chan struct{}
}

// NewRoom makes a Room for so many bytes, of which one user may take so many.
func NewRoom(total, perUser int) *Room {
	return &Room{total: total, perUser: perUser, users: map[uuid.UUID]int{}, left: make(chan struct{})}
}

// Take waits until there is room for n more bytes of a user and takes it; leave, which may be called more than once, gives it
// back. The error is that of ctx. Who asks for more than there can be gets all of it, alone.
func (r *Room) Take(ctx context.Context, user uuid.UUID, n int) (leave func(), err error) {
	n = min(max(n, 1), r.perUser, r.total)
	for {
		wait := r.try(user, n)
		if wait == nil {
			return sync.OnceFunc(func() { r.leave(user, n) }), nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *Room) try(user uuid.UUID, n int) (wait <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used+n > r.total || r.users[user]+n > r.perUser {
		return r.left
	}
	r.used += n
	r.users[user] += n
	return nil
}

func (r *Room) leave(user uuid.UUID, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	if r.users[user] -= n; r.users[user] == 0 {
		delete(r.users, user)
	}
	close(r.left)
	r.left = make(chan struct{})
}
