package auth_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/secret"
)

func ticketRing(t testing.TB, ids ...string) *secret.KeyRing {
	t.Helper()
	var keys []string
	for _, id := range ids {
		keys = append(keys, id+":"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat(id, 32))))
	}
	ring, err := secret.ParseKeyRing(secret.New(strings.Join(keys, ",")))
	require.NoError(t, err)
	return ring
}

func TestTicket(t *testing.T) {
	t.Parallel()
	user := authtest.NewIdentities(t).User(t, uuid.New())
	run := uuid.New()
	ticket, err := auth.NewTickets(ticketRing(t, "a", "b")).Issue(user, run)
	require.NoError(t, err)
	require.Equal(t, "a", ticket.KeyID)
	require.NotContains(t, string(ticket.Ciphertext), string(user.ID().NodeID()))

	redeemed, err := auth.NewTickets(ticketRing(t, "b", "a")).Redeem(ticket, run)
	require.NoError(t, err, "the master key may have been rotated")
	require.Equal(t, user.ID(), redeemed.ID())
	require.False(t, redeemed.IsZero())
	require.Empty(t, redeemed.AAL())
	require.Empty(t, redeemed.SessionID())
	require.Empty(t, redeemed.Email())
	require.True(t, redeemed.ExpiresAt().IsZero())
	require.True(t, redeemed.AuthenticatedAt().IsZero())
}

func TestTicketIsRefused(t *testing.T) {
	t.Parallel()
	user := authtest.NewIdentities(t).User(t, uuid.New())
	run := uuid.New()
	tickets := auth.NewTickets(ticketRing(t, "a", "b"))
	ticket, err := tickets.Issue(user, run)
	require.NoError(t, err)
	refused := func(tickets *auth.Tickets, ticket auth.Ticket, run uuid.UUID, why string) {
		t.Helper()
		got, err := tickets.Redeem(ticket, run)
		require.ErrorIs(t, err, auth.ErrTicket, why)
		require.True(t, got.IsZero(), why)
		require.NotContains(t, err.Error(), user.ID().String())
	}
	refused(tickets, ticket, uuid.New(), "another run")
	refused(tickets, ticket, uuid.Nil, "no run")
	refused(tickets, auth.Ticket{}, run, "nothing")
	refused(tickets, auth.Ticket{KeyID: "b", Ciphertext: ticket.Ciphertext}, run, "another key")
	refused(auth.NewTickets(ticketRing(t, "b")), ticket, run, "a lost key")
	for i := range ticket.Ciphertext {
		changed := slices.Clone(ticket.Ciphertext)
		changed[i] ^= 0x80
		refused(tickets, auth.Ticket{KeyID: "a", Ciphertext: changed}, run, fmt.Sprint("byte ", i))
	}
	short, err := ticketRing(t, "a").SealFor("twobrains/run-ticket/v1", run, []byte("too short"))
	require.NoError(t, err)
	refused(tickets, auth.Ticket(short), run, "no id inside")
	nobody, err := ticketRing(t, "a").SealFor("twobrains/run-ticket/v1", run, make([]byte, 16))
	require.NoError(t, err)
	refused(tickets, auth.Ticket(nobody), run, "the nil id inside")
	_, err = tickets.Issue(auth.User{}, run)
	require.Error(t, err)
}

func FuzzTicket(f *testing.F) {
	tickets := auth.NewTickets(ticketRing(f, "a"))
	f.Add("a", []byte{1, 2, 3}, make([]byte, 16))
	f.Add("", []byte(nil), []byte("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, keyID string, ciphertext, run []byte) {
		id, _ := uuid.FromBytes(run)
		user, err := tickets.Redeem(auth.Ticket{KeyID: keyID, Ciphertext: ciphertext}, id)
		if err == nil || !user.IsZero() {
			t.Fatalf("redeemed what nobody issued: %v", user.ID())
		}
	})
}
