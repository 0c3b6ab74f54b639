package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// verbs make this program one of the processes of a load. A child gets its configuration as one line on its standard input
// and ends when that does; on its standard output it says "ready", and in the end its result if it has one.
var verbs = map[string]func(ctx context.Context, config []byte, ready func()) (result any, err error){
	replayVerb: func(ctx context.Context, config []byte, ready func()) (any, error) {
		var c replayConfig
		if err := json.Unmarshal(config, &c); err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		return nil, replay(ctx, c, ready)
	},
	copyVerb: func(ctx context.Context, config []byte, ready func()) (any, error) {
		var c copyConfig
		if err := json.Unmarshal(config, &c); err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		return nil, copyStreams(ctx, c, ready)
	},
	loadVerb: func(ctx context.Context, config []byte, ready func()) (any, error) {
		var c loadConfig
		if err := json.Unmarshal(config, &c); err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		ready()
		return load(ctx, c)
	},
}

// beChild is the other side of child.
func beChild(ctx context.Context, verb string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	in := bufio.NewReader(os.Stdin)
	config, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		stop()
	}()
	result, err := verbs[verb](ctx, config, func() { fmt.Fprintln(os.Stdout, "ready") })
	if err != nil || result == nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// child is a process of a load.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

func startChild(ctx context.Context, verb string, config any) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &child{cmd: exec.CommandContext(ctx, exe, verb)}
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	c.stdin = in
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", verb, err)
	}
	if err := json.NewEncoder(in).Encode(config); err != nil {
		c.stop()
		return nil, fmt.Errorf("configure %s: %w", verb, err)
	}
	if line, err := c.out.ReadString('\n'); err != nil || line != "ready\n" {
		c.stop()
		return nil, errors.New(verb + " did not start")
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// result waits for what the process says in the end.
func (c *child) result(into any) error {
	if err := json.NewDecoder(c.out).Decode(into); err != nil {
		return fmt.Errorf("read result: %w", err)
	}
	return nil
}

func (c *child) stop() {
	_ = c.stdin.Close()
	_ = c.cmd.Wait()
}
