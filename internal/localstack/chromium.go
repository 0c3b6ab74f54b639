package localstack

import (
	"errors"
	"os/exec"
)

// ErrNoChromium means that there is no such browser. The text says how to install it.
var ErrNoChromium = errors.New("there is no Chromium; install it: " + installHint("chromium", "--cask chromium"))

// Chromium returns the path of a browser that the tests of the web app can drive: Chromium, or Chrome.
func Chromium() (string, error) {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome-stable", "google-chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoChromium
}
