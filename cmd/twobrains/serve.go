package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"twobrains/internal/api"
	"twobrains/internal/config"
	"twobrains/web"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "serve until told to stop, then finish what is under way",
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg, err := config.Load(os.Environ(), config.ForServe)
			if err != nil {
				return err
			}
			paceCollector()
			app, err := api.NewApp(ctx, cfg, api.AppOptions{Version: version(), Web: web.Dist(), LogTo: c.Root().ErrWriter})
			if err != nil {
				return err
			}
			defer app.Close()
			return app.Run(ctx)
		},
	}
}

func healthcheckCommand() *cli.Command {
	return &cli.Command{
		Name:  "healthcheck",
		Usage: "ask the server on this machine whether it is ready (for containers)",
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg, err := config.Load(os.Environ(), config.ForShow)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			host := cfg.Server.Host
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			url := "http://" + net.JoinHostPort(host, strconv.Itoa(cfg.Server.Port)) + "/readyz"
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return fmt.Errorf("ask the server: %w", err)
			}
			resp, err := http.DefaultClient.Do(request)
			if err != nil {
				return fmt.Errorf("ask the server: %w", err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("the server is not ready: %s", resp.Status)
			}
			fmt.Fprintln(c.Root().Writer, "ready")
			return nil
		},
	}
}
