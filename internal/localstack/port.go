package localstack

import (
	"fmt"
	"net"
	"sync"
)

// given are the ports that were handed out: until its service listens, the system thinks that a port is free.
var given sync.Map

// FreePort returns a loopback TCP port that nobody listens on now and that it has not returned before.
func FreePort() (int, error) {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("find free port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if _, before := given.LoadOrStore(port, true); !before {
			return port, nil
		}
	}
}
