package completion_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
)

// modelMessage is a message in a tree as one would draw it: it knows what follows it.
type modelMessage struct {
	id, role, text string
	parent         *modelMessage
	following      []*modelMessage
	// born counts messages.
	born int
}

// model is what a conversation should be.
type model struct {
	root *modelMessage
	end  *modelMessage
	all  []*modelMessage
}

func (m *model) add(parent *modelMessage, id, role, text string) *modelMessage {
	n := &modelMessage{id: id, role: role, text: text, parent: parent, born: len(m.all) + 1}
	parent.following = append(parent.following, n)
	m.all, m.end = append(m.all, n), n
	return n
}

// newest is the newest message below n, or n.
func (n *modelMessage) newest() *modelMessage {
	newest := n
	for _, f := range n.following {
		if below := f.newest(); below.born > newest.born {
			newest = below
		}
	}
	return newest
}

func (m *model) path() (path []*modelMessage) {
	for n := m.end; n != m.root; n = n.parent {
		path = append(path, n)
	}
	slices.Reverse(path)
	return path
}

func (m *model) told() (path []shown) {
	for _, n := range m.path() {
		path = append(path, shown{n.id, n.role, n.text, slices.Index(n.parent.following, n) + 1, len(n.parent.following)})
	}
	return path
}

// pick chooses a message: mostly one that is shown.
func (m *model) pick(random *rand.Rand, role string) *modelMessage {
	from := m.all
	if random.IntN(4) > 0 {
		from = m.path()
	}
	var fitting []*modelMessage
	for _, n := range from {
		if role == "" || n.role == role {
			fitting = append(fitting, n)
		}
	}
	if len(fitting) == 0 {
		return nil
	}
	return fitting[random.IntN(len(fitting))]
}

// Whatever is sent, edited, made anew and chosen, in whatever order, gives what a simple tree in memory gives.
func TestBranchesAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *completion.Options) { o.Quota = completion.Quota{Day: 1000, Month: 1000} })
			random := rand.New(rand.NewPCG(seed, 42)) // a sequence that can be run again
			m := &model{root: &modelMessage{}}
			m.end = m.root
			b.send("c", "first", "q")
			m.add(m.add(m.root, "first", "user", "q"), b.path("c")[1].id, "assistant", "Hello there.")
			for step := range 60 {
				b.step(m, random, step)
				require.Equal(t, m.told(), b.path("c"), "after step %d", step)
				if n := m.pick(random, ""); n != nil {
					var want []string
					for _, v := range n.parent.following {
						want = append(want, v.id)
					}
					ids, _ := b.versions("c", n.id)
					require.Equal(t, want, ids, "after step %d", step)
				}
			}
		})
	}
}

// step does something and has the model do the same.
func (b *testBundle) step(m *model, random *rand.Rand, step int) {
	b.t.Helper()
	text, reply := fmt.Sprint("q", step), fmt.Sprint("a", step)
	b.say(reply)
	fails := random.IntN(5) == 0
	if fails {
		b.fail()
	}
	// answered adds the reply that came to the model; its id is read from what is shown.
	answered := func(question *modelMessage) {
		if !fails {
			path := b.path("c")
			m.add(question, path[len(path)-1].id, "assistant", reply)
		}
	}
	switch random.IntN(5) {
	case 0:
		b.send("c", fmt.Sprint("m", step), text)
		answered(m.add(m.end, fmt.Sprint("m", step), "user", text))
	case 1:
		edited := m.pick(random, "user")
		if edited == nil {
			return
		}
		id := edited.id
		place := slices.Index(edited.parent.following, edited)
		b.run(edit("c", id, text))
		ids, _ := b.versions("c", id)
		edited.id = ids[place]
		require.NotEqual(b.t, id, edited.id)
		answered(m.add(edited.parent, id, "user", text))
	case 2, 3:
		target := m.pick(random, "")
		if target == nil {
			return
		}
		id := target.id
		if random.IntN(3) == 0 {
			target, id = m.end, ""
		}
		question := target
		if target.role == "assistant" {
			question = target.parent
		}
		earlier := m.end
		b.run(anew("c", id))
		switch {
		case !fails:
			answered(question)
		case !slices.Contains(m.path(), question): // it was not shown: what the model was asked is
			m.end = question.newest()
		default:
			m.end = earlier
		}
	case 4:
		if chosen := m.pick(random, ""); chosen != nil {
			b.choose("c", chosen.id)
			m.end = chosen.newest()
		}
	}
}
