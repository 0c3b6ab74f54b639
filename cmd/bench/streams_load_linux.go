package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// clientLoop is all connections of a load, on one thread: sockets and epoll at first hand, since a goroutine for each would
// cost several times as much, taken from the server under test.
type clientLoop struct {
	loadConfig
	server syscall.SockaddrInet4
	epoll  int
	// byFD finds the client of a descriptor.
	byFD map[int]*streamClient
}

type streamClient struct {
	answer
	i    int
	sent bool
}

// clientPause is what clients may add to the times they measure.
const clientPause = 2 * time.Millisecond

// sourceSize is how many clients share a loopback address: each address has some 28,000 ports of its own.
const sourceSize = 4_000

// run lets each client send when its time has come, and reads what comes until all have ended.
func (c loadConfig) run(ctx context.Context, all []seen) error {
	address, err := netip.ParseAddrPort(c.Address)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	l := &clientLoop{loadConfig: c, server: syscall.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}, byFD: map[int]*streamClient{}}
	if l.epoll, err = syscall.EpollCreate1(0); err != nil {
		return fmt.Errorf("make epoll: %w", err)
	}
	defer func() { _ = syscall.Close(l.epoll) }()
	begin := time.Now().Add(100 * time.Millisecond)
	due := func(i int) time.Time { return begin.Add(c.Ramp * time.Duration(i) / time.Duration(len(all))) }
	deadline := due(len(all)).Add(c.Patience)
	events := make([]syscall.EpollEvent, 512)
	buffer := make([]byte, 16<<10)
	for next := 0; next < len(all) || len(l.byFD) > 0; {
		now := time.Now()
		if ctx.Err() != nil || now.After(deadline) {
			break
		}
		for ; next < len(all) && !due(next).After(now); next++ {
			client := &streamClient{i: next, answer: answer{at: due(next), s: &all[next]}}
			client.s.delays = make([]time.Duration, 0, c.Chunks)
			client.s.err = errors.New("no end in time")
			if err := l.connect(client); err != nil {
				client.s.err = err
			}
		}
		// In one go what comes within a moment: waking up for each chunk would cost more than reading it.
		time.Sleep(clientPause)
		wait := 100
		if next < len(all) {
			wait = min(wait, int(time.Until(due(next)).Milliseconds()))
		}
		n, err := syscall.EpollWait(l.epoll, events, max(wait, 0))
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("wait for answers: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			fd := int(event.Fd)
			client := l.byFD[fd]
			if over, err := l.serve(fd, client, buffer); over {
				client.s.err = err
				delete(l.byFD, fd)
				_ = syscall.Close(fd)
			}
		}
	}
	return nil
}

func (l *clientLoop) connect(c *streamClient) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("no socket: %w", err)
	}
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + c.i/sourceSize)}})
	if err == nil {
		err = syscall.Connect(fd, &l.server)
	}
	if err == nil || errors.Is(err, syscall.EINPROGRESS) {
		err = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLOUT, Fd: int32(fd)})
	}
	if err != nil {
		_ = syscall.Close(fd)
		return fmt.Errorf("could not connect: %w", err)
	}
	l.byFD[fd] = c
	return nil
}

// serve sends the request or reads a piece of the answer, and tells whether the client has ended.
func (l *clientLoop) serve(fd int, c *streamClient, buffer []byte) (over bool, err error) {
	if !c.sent {
		request := l.request(c.i)
		if n, err := syscall.Write(fd, request); err != nil || n < len(request) {
			return true, errors.New("could not connect and send")
		}
		c.sent = true
		if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}); err != nil {
			return true, fmt.Errorf("wait for answer: %w", err)
		}
		return false, nil
	}
	n, err := syscall.Read(fd, buffer)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return false, nil
	case err != nil || n == 0:
		return true, errors.New("cut")
	}
	c.now = time.Now()
	if c.s.first == 0 {
		c.s.first = c.now.Sub(c.at)
	}
	if err := c.feed(buffer[:n]); err != nil {
		return true, err
	}
	if !c.ended {
		return false, nil
	}
	return true, c.verdict(l.Chunks)
}
