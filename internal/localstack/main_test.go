package localstack

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	launcher() // lives as long as the process, on purpose
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}
