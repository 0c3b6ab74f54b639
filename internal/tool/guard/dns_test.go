package guard

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers over real UDP. Each name has a list of answers, given in turn; the last one stays.
type nameServer struct {
	mu      sync.Mutex
	answers map[string][]netip.Addr
	asked   map[string]int
}

func newNameServer(t *testing.T, answers map[string][]netip.Addr) (*nameServer, *net.Resolver) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{answers: answers, asked: map[string]int{}}
	var done sync.WaitGroup
	done.Go(func() { s.serve(conn) })
	t.Cleanup(func() {
		_ = conn.Close()
		done.Wait()
	})
	return s, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (s *nameServer) serve(conn net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(buffer[:n]) != nil || len(query.Questions) != 1 {
			continue
		}
		reply := s.reply(query)
		packed, err := reply.Pack()
		if err == nil {
			_, _ = conn.WriteTo(packed, from)
		}
	}
}

func (s *nameServer) reply(query dnsmessage.Message) dnsmessage.Message {
	q := query.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
	name := strings.TrimSuffix(q.Name.String(), ".")
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.answers[name]
	if len(list) == 0 {
		reply.RCode = dnsmessage.RCodeNameError
		return reply
	}
	addr := list[min(s.asked[name], len(list)-1)]
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET}
	switch {
	case q.Type == dnsmessage.TypeA && addr.Is4():
		s.asked[name]++
		reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}}}
	case q.Type == dnsmessage.TypeAAAA && addr.Is6():
		s.asked[name]++
		reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
	}
	return reply
}

// times says how often a name was asked for with success.
func (s *nameServer) times(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}
